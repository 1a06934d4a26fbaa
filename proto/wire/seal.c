/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/seal.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <string.h>

#include "base/panic.h"
#include "base/span.h"

enum {
    SEAL_VERSION = 1,
    PURPOSE_SIZE = 32,
};

STINT_STATIC_ASSERT(SEAL_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "");
STINT_STATIC_ASSERT(SEAL_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
                    "");
STINT_STATIC_ASSERT(SEAL_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "");
STINT_STATIC_ASSERT(SEAL_SIGNATURE_SIZE == crypto_sign_BYTES, "");

enum stint_status
seal_close(struct buf *out, const uint8_t key[SEAL_KEY_SIZE],
           const uint8_t nonce[SEAL_NONCE_SIZE], struct stint_span associated,
           struct stint_span plain)
{
    if (plain.size > SIZE_MAX - SEAL_OVERHEAD) {
        return STINT_LIMIT;
    }
    enum stint_status status = buf_reserve(out, plain.size + SEAL_OVERHEAD);
    if (status != STINT_OK) {
        return status;
    }
    uint8_t *place = buf_extend(out, plain.size + SEAL_OVERHEAD);
    STINT_ASSERT(place != NULL);
    place[0] = SEAL_VERSION;
    memcpy(place + 1, nonce, SEAL_NONCE_SIZE);
    unsigned long long written = 0;
    int result = crypto_aead_xchacha20poly1305_ietf_encrypt(
        place + 1 + SEAL_NONCE_SIZE, &written, plain.data, plain.size, associated.data,
        associated.size, NULL, nonce, key);
    STINT_ASSERT(result == 0 && written == plain.size + SEAL_TAG_SIZE);
    return STINT_OK;
}

enum stint_status
seal_open(struct buf *out, const uint8_t key[SEAL_KEY_SIZE],
          struct stint_span associated, struct stint_span box)
{
    if (box.size >= 1 && box.data[0] != SEAL_VERSION) {
        return STINT_BAD_VERSION;
    }
    if (box.size < SEAL_OVERHEAD) {
        return STINT_BAD_PICKLE;
    }
    size_t size = box.size - SEAL_OVERHEAD;
    enum stint_status status = buf_reserve(out, size);
    if (status != STINT_OK) {
        return status;
    }
    size_t before = out->size;
    uint8_t none = 0;
    uint8_t *place = size == 0 ? &none : buf_extend(out, size);
    STINT_ASSERT(place != NULL);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            place, NULL, NULL, box.data + 1 + SEAL_NONCE_SIZE, size + SEAL_TAG_SIZE,
            associated.data, associated.size, box.data + 1, key) != 0) {
        out->size = before;
        return STINT_BAD_PICKLE;
    }
    return STINT_OK;
}

void
seal_digest(uint8_t out[SEAL_DIGEST_SIZE], struct stint_span bytes)
{
    int result =
        crypto_generichash(out, SEAL_DIGEST_SIZE, bytes.data, bytes.size, NULL, 0);
    STINT_ASSERT(result == 0);
}

void
seal_hash_init(struct seal_hash *h)
{
    int result = crypto_generichash_init(&h->state, NULL, 0, SEAL_DIGEST_SIZE);
    STINT_ASSERT(result == 0);
}

void
seal_hash_add(struct seal_hash *h, struct stint_span bytes)
{
    int result = crypto_generichash_update(&h->state, bytes.data, bytes.size);
    STINT_ASSERT(result == 0);
}

void
seal_hash_final(struct seal_hash *h, uint8_t out[SEAL_DIGEST_SIZE])
{
    int result = crypto_generichash_final(&h->state, out, SEAL_DIGEST_SIZE);
    STINT_ASSERT(result == 0);
}

bool
seal_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

/* What is signed has a fixed size: the purpose, filled up with zeros, and the digest. */
static void
seal_statement(uint8_t out[PURPOSE_SIZE + SEAL_DIGEST_SIZE], const char *purpose,
               const uint8_t digest[SEAL_DIGEST_SIZE])
{
    size_t length = strlen(purpose);
    STINT_ASSERT(length > 0 && length < PURPOSE_SIZE);
    memset(out, 0, PURPOSE_SIZE);
    memcpy(out, purpose, length);
    memcpy(out + PURPOSE_SIZE, digest, SEAL_DIGEST_SIZE);
}

void
seal_sign(uint8_t signature[SEAL_SIGNATURE_SIZE], const uint8_t secret[64],
          const char *purpose, const uint8_t digest[SEAL_DIGEST_SIZE])
{
    uint8_t statement[PURPOSE_SIZE + SEAL_DIGEST_SIZE];
    seal_statement(statement, purpose, digest);
    int result =
        crypto_sign_detached(signature, NULL, statement, sizeof statement, secret);
    STINT_ASSERT(result == 0);
}

bool
seal_verify(const uint8_t signature[SEAL_SIGNATURE_SIZE], const uint8_t public_key[32],
            const char *purpose, const uint8_t digest[SEAL_DIGEST_SIZE])
{
    uint8_t statement[PURPOSE_SIZE + SEAL_DIGEST_SIZE];
    seal_statement(statement, purpose, digest);
    return crypto_sign_verify_detached(signature, statement, sizeof statement,
                                       public_key) == 0;
}
