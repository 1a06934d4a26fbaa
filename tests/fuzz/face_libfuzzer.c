/* SPDX-License-Identifier: Apache-2.0 */
/* The face that libFuzzer drives. */
#include "fuzz.h"

#include "wire/wire.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FUZZ_CHECK(wire_init() == STINT_OK);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= fuzz_target.size_max) {
        (void)fuzz_target.judge(span_of(data, size));
    }
    return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, room);
    return fuzz_target.mend != NULL ? fuzz_target.mend(data, size, room, seed) : size;
}

void
fuzz_seed(const char *name, struct stint_span input)
{
    (void)name;
    (void)input;
}
