/* What is used of onnxruntime's C interface, whose headers need not be there: it is as old as its first
   version, and stays where it is (OrtApi and OrtCustomOp only grow). */

#ifndef ONNXLINT_ORT_H
#define ONNXLINT_ORT_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_VERSION 1

enum { ANY = 0, FLOAT = 1, INT64 = 7, DOUBLE = 11 }; /* types of elements */

enum { /* places in OrtApi */
    CREATE_DOMAIN = 26, ADD_TO_DOMAIN = 27, ADD_DOMAIN = 28, DATA = 51, DTYPE = 60, RANK = 61,
    DIMS = 62, COUNT = 64, LAYOUT = 65, INTEGER = 86, INPUT = 90, OUTPUT = 91, RELEASE_LAYOUT = 99,
};

typedef struct Operator {
    uint32_t version;
    void *(*create)(const struct Operator *, const void *const *api, const void *node);
    const char *(*name)(const struct Operator *);
    const char *(*provider)(const struct Operator *);
    int (*input_dtype)(const struct Operator *, size_t index);
    size_t (*inputs)(const struct Operator *);
    int (*output_dtype)(const struct Operator *, size_t index);
    size_t (*outputs)(const struct Operator *);
    void (*compute)(void *kernel, void *context);
    void (*destroy)(void *kernel);
    int (*input_kind)(const struct Operator *, size_t index); /* 0: it must be there */
    int (*output_kind)(const struct Operator *, size_t index);
    int (*input_memory)(const struct Operator *, size_t index); /* 0: that of the processor */
    const void *later[16];                                      /* nothing of what came since */
} Operator;

/* Calls a function of onnxruntime that returns what went wrong, or NULL. */
#define CALL(api, place, types, ...) (((void *(*) types)(api)[place])(__VA_ARGS__))

static inline int onnxlint_zero(const Operator *self, size_t index) { (void)self; (void)index; return 0; }
static inline const char *onnxlint_anywhere(const Operator *self) { (void)self; return 0; }

extern const Operator onnxlint_tap, onnxlint_perturb, onnxlint_perturb_alone;

#endif
