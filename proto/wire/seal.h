/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that must not be read, changed or exchanged by others: sealed boxes for pickles
 * at rest (XChaCha20-Poly1305, bound to what they are by associated data), digests
 * (BLAKE2b-256) and signatures (Ed25519).
 */
#ifndef STINT_WIRE_SEAL_H
#define STINT_WIRE_SEAL_H

#include <sodium/crypto_generichash.h>

#include "base/buf.h"

enum {
    SEAL_KEY_SIZE = 32,
    SEAL_NONCE_SIZE = 24,
    SEAL_TAG_SIZE = 16,
    SEAL_OVERHEAD = 1 + SEAL_NONCE_SIZE +
                    SEAL_TAG_SIZE, /* a box is so much larger than its content */
    SEAL_DIGEST_SIZE = 32,
    SEAL_SIGNATURE_SIZE = 64,
};

/*
 * Appends the box of `plain` to `out`: version, nonce, ciphertext, tag. The nonce must
 * never be used twice under one key: 24 bytes of entropy. STINT_LIMIT, STINT_NO_MEMORY:
 * `out` is as it was.
 */
STINT_MUST_USE enum stint_status seal_close(struct buf *out,
                                            const uint8_t key[SEAL_KEY_SIZE],
                                            const uint8_t nonce[SEAL_NONCE_SIZE],
                                            struct stint_span associated,
                                            struct stint_span plain);

/* Appends the content of a box to `out`. STINT_BAD_PICKLE: damaged, another key or
 * other associated data; STINT_BAD_VERSION; STINT_LIMIT, STINT_NO_MEMORY. */
STINT_MUST_USE enum stint_status seal_open(struct buf *out,
                                           const uint8_t key[SEAL_KEY_SIZE],
                                           struct stint_span associated,
                                           struct stint_span box);

void seal_digest(uint8_t out[SEAL_DIGEST_SIZE], struct stint_span bytes);

/* The same over bytes that come in pieces. */
struct seal_hash {
    crypto_generichash_state state;
};

void seal_hash_init(struct seal_hash *h);
void seal_hash_add(struct seal_hash *h, struct stint_span bytes);
void seal_hash_final(struct seal_hash *h, uint8_t out[SEAL_DIGEST_SIZE]);

/* True if equal; takes as long when they are not. */
bool seal_equal(const void *a, const void *b, size_t size);

/*
 * Signs a digest for a purpose (a short text, at most 31 bytes): a signature for one
 * purpose is none for another. `secret` is the identity's sign_secret.
 */
void seal_sign(uint8_t signature[SEAL_SIGNATURE_SIZE], const uint8_t secret[64],
               const char *purpose, const uint8_t digest[SEAL_DIGEST_SIZE]);
bool seal_verify(const uint8_t signature[SEAL_SIGNATURE_SIZE],
                 const uint8_t public_key[32], const char *purpose,
                 const uint8_t digest[SEAL_DIGEST_SIZE]);

#endif
