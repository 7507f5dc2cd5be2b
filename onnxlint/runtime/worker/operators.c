/* The operators that are ours, made known to onnxruntime. */

#include "ort.h"

typedef struct { const void *const *(*api)(uint32_t version); } Base;

static const Operator *const OPERATORS[] = {
    &onnxlint_tap, &onnxlint_perturb, &onnxlint_perturb_alone,
};
#define COUNT_OF_OPERATORS (sizeof OPERATORS / sizeof *OPERATORS)

/* onnxruntime calls this where a session is to know the operators; the domain is made once. */
void *RegisterCustomOps(void *options, const Base *base)
{
    static void *domain;
    const void *const *api = base->api(FIRST_VERSION);
    void *failed = 0;
    if (!domain) {
        failed = CALL(api, CREATE_DOMAIN, (const char *, void **), "onnxlint", &domain);
        for (size_t each = 0; !failed && each < COUNT_OF_OPERATORS; each++)
            failed = CALL(api, ADD_TO_DOMAIN, (void *, const Operator *), domain, OPERATORS[each]);
    }
    return failed ? failed : CALL(api, ADD_DOMAIN, (void *, void *), options, domain);
}
