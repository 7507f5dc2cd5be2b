/* One pass over a tensor where numpy needs eight: what `measure.py` measures of a block.

   compiled.py calls this, and describes the same structures; any change belongs in both. Narrow
   elements are widened to float32, a chunk at a time. Compiled with the assumption that no number is
   infinite or NaN: bits tell, and such a run is refused as a whole. */

#include <errno.h>
#include <float.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CHUNK 4096 /* floats, 16 KiB: half of a core's first cache */
#define SPREAD (16 * CHUNK) /* floats, 256 KiB: what the second cache holds beside other things */
#define ROWS 8
#define BUCKETS 300
#define FIRST_NORMAL 24
#define INFINITE 0x7f800000u
#define MAGNITUDE 0x7fffffffu

typedef struct {
    int64_t elements, zeros, subnormal;
    int64_t signed_zeros; /* blocks of zeros only, with -0.0 among them */
    double minimum, maximum, mean, m2;
} Seen;

enum { FLOAT32, FLOAT16, BFLOAT16, INT8, UINT8 };

typedef struct {
    const void *values; /* of this run: `elements`, of which `start` of the tensor came before */
    int64_t elements, start;
    int64_t samples, kept, row_step; /* samples of equal size, rows for the first of them */
    float *rows;                     /* the mean of a sample, then every `row_step`th element */
    int64_t every;                   /* each how manieth element is counted in `exponents`; 0: none */
    int64_t inner;                   /* neighbours that belong to one channel */
    int64_t channels;                /* 0: none */
    float *lows, *highs;             /* of each channel: this run's, then all runs' */
    float tiny;                      /* the smallest normal number */
    int32_t kind;                    /* of the elements */
    int32_t refused;
    Seen total;
    int64_t exponents[2][BUCKETS]; /* of all; of the negative ones */
} Task;

typedef struct {
    double sum, squares; /* of the distances from `shift` */
    double shift;
    int64_t below, zeros, not_finite;
    float low, high;
    int64_t channel, left; /* where in the layout the next element lies */
    int32_t exponents[2][BUCKETS];
} Run;

typedef void (*Halves)(const uint16_t *, int64_t, float *restrict);

#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t bits_of(float value)
{
    union { float value; uint32_t bits; } both = {value};
    return both.bits;
}

INLINE float of_bits(uint32_t bits)
{
    union { uint32_t bits; float value; } both = {bits};
    return both.value;
}

/* What a float16 is as float32, exactly; its exponent is told apart with no float32 that is
   subnormal, for these are slow. */
INLINE float of_half(uint32_t half)
{
    const uint32_t rebias = 112u << 23, hidden = 1u << 23, endless = 31u << 23;
    uint32_t magnitude = (half & 0x7fffu) << 13, sign = (half & 0x8000u) << 16;
    uint32_t normal = magnitude + rebias + (magnitude >= endless ? rebias : 0);
    uint32_t small = bits_of((float)(int32_t)(half & 0x3ffu) * 0x1p-24f);
    return of_bits((magnitude < hidden ? small : normal) | sign);
}

INLINE void halves(const uint16_t *x, int64_t count, float *restrict wide)
{
    for (int64_t i = 0; i < count; i++) wide[i] = of_half(x[i]);
}

#if defined(__x86_64__)
/* Every processor with AVX2 has an instruction for that. */
__attribute__((target("avx,f16c"))) static void halves_f16c(const uint16_t *x, int64_t count,
                                                            float *restrict wide)
{
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(wide + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
    halves(x + i, count - i, wide + i);
}
#endif

/* So many elements from `at` on as float32: where they lie, or in `wide`. */
INLINE const float *widened(const Task *task, int64_t at, int64_t count, float *restrict wide,
                            Halves convert)
{
    if (task->kind == FLOAT16) {
        convert((const uint16_t *)task->values + at, count, wide);
    } else if (task->kind == BFLOAT16) {
        const uint16_t *x = (const uint16_t *)task->values + at;
        for (int64_t i = 0; i < count; i++) wide[i] = of_bits((uint32_t)x[i] << 16);
    } else if (task->kind == INT8) {
        const int8_t *x = (const int8_t *)task->values + at;
        for (int64_t i = 0; i < count; i++) wide[i] = x[i];
    } else if (task->kind == UINT8) {
        const uint8_t *x = (const uint8_t *)task->values + at;
        for (int64_t i = 0; i < count; i++) wide[i] = x[i];
    } else {
        return (const float *)task->values + at;
    }
    return wide;
}

INLINE void extremes(const float *restrict x, int64_t count, float *low, float *high)
{
    float least = *low, most = *high;
    for (int64_t i = 0; i < count; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    *low = least;
    *high = most;
}

INLINE void extremes_of_each(const float *restrict x, int64_t count, float *restrict low,
                             float *restrict high)
{
    for (int64_t i = 0; i < count; i++) {
        low[i] = x[i] < low[i] ? x[i] : low[i];
        high[i] = x[i] > high[i] ? x[i] : high[i];
    }
}

/* The same of ROWS rows of so many channels each: their extremes are stored once for all. */
INLINE void extremes_of_rows(const float *restrict x, int64_t channels, float *restrict low,
                             float *restrict high)
{
    for (int64_t i = 0; i < channels; i++) {
        float least = low[i], most = high[i];
        for (int row = 0; row < ROWS; row++) {
            float value = x[row * channels + i];
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        low[i] = least;
        high[i] = most;
    }
}

INLINE void moments(Run *run, const float *restrict x, int64_t count)
{
    const double shift = run->shift;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        double distance = x[i] - shift;
        sum += distance;
        squares += distance * distance;
    }
    run->sum += sum;
    run->squares += squares;
}

INLINE void kinds(Run *run, const float *restrict x, int64_t count, int32_t tiny)
{
    int32_t below = 0, zeros = 0, not_finite = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t magnitude = bits_of(x[i]) & MAGNITUDE;
        below += magnitude < tiny;
        zeros += magnitude == 0;
        not_finite += magnitude >= (int32_t)INFINITE;
    }
    run->below += below;
    run->zeros += zeros;
    run->not_finite += not_finite;
}

INLINE void channel_extremes(Run *run, const Task *task, const float *x, int64_t count)
{
    while (count > 0) {
        int64_t rows = ROWS * task->channels;
        if (task->inner == 1 && !run->channel && count >= rows) {
            extremes_of_rows(x, task->channels, task->lows, task->highs);
            x += rows;
            count -= rows;
            continue;
        }
        float *low = task->lows + run->channel, *high = task->highs + run->channel;
        int64_t stretch = task->inner == 1 ? task->channels - run->channel : run->left;
        stretch = stretch < count ? stretch : count;
        if (task->inner == 1) {
            extremes_of_each(x, stretch, low, high);
            run->channel += stretch;
        } else {
            extremes(x, stretch, low, high);
            run->left -= stretch;
            if (!run->left) {
                run->left = task->inner;
                run->channel++;
            }
        }
        if (run->channel == task->channels) run->channel = 0;
        x += stretch;
        count -= stretch;
    }
}

static void count_exponents(Run *run, const float *x, int64_t first, int64_t count, int64_t every)
{
    for (int64_t i = first; i < count; i += every) {
        uint32_t bits = bits_of(x[i]), magnitude = bits & MAGNITUDE;
        if (!magnitude || magnitude >= INFINITE) continue;
        int bucket = (int)(magnitude >> 23);
        bucket = bucket ? bucket + FIRST_NORMAL - 1 : 32 - __builtin_clz(magnitude);
        run->exponents[0][bucket]++;
        run->exponents[1][bucket] += bits >> 31;
    }
}

/* The elements from `at` on, and each `row_step`th of them into `row`, where there is one. */
INLINE void stretch(Run *run, const Task *task, int64_t at, int64_t count, float *row,
                    Halves convert)
{
    int32_t tiny = (int32_t)bits_of(task->tiny);
    int64_t next = 0, spread = 0;
    int is_apart = task->channels && task->inner == 1 && task->kind == FLOAT32;
    float wide[CHUNK];
    for (int64_t done = 0; done < count; done += CHUNK) {
        int64_t size = count - done < CHUNK ? count - done : CHUNK;
        const float *x = widened(task, at + done, size, wide, convert);
        kinds(run, x, size, tiny);
        moments(run, x, size);
        if (!task->channels)
            extremes(x, size, &run->low, &run->high);
        else if (!is_apart)
            channel_extremes(run, task, x, size);
        else if (done + size == count || done + size - spread >= SPREAD) {
            /* Several rows at a time: one with its extremes is more than the first cache holds. */
            channel_extremes(run, task, (const float *)task->values + at + spread,
                             done + size - spread);
            spread = done + size;
        }
        if (task->every) {
            int64_t over = (task->start + at + done) % task->every;
            count_exponents(run, x, over ? task->every - over : 0, size, task->every);
        }
        for (; row && next < done + size; next += task->row_step) *row++ = x[next - done];
    }
}

INLINE void samples(Run *run, const Task *task, Halves convert)
{
    int64_t size = task->elements / (task->samples ? task->samples : 1), at = 0;
    float *row = task->rows;
    for (int64_t sample = 0; sample < task->kept; sample++, at += size) {
        double before = run->sum;
        stretch(run, task, at, size, row + 1, convert);
        *row = (float)(run->shift + (run->sum - before) / size);
        row += 1 + (size + task->row_step - 1) / task->row_step;
    }
    stretch(run, task, at, task->elements - at, 0, convert);
}

/* Chan's formula, as in `merge`. */
static void add(Seen *total, const Seen *seen)
{
    int64_t elements = total->elements + seen->elements;
    double delta = seen->mean - total->mean, share = (double)seen->elements / elements;
    total->m2 += seen->m2 + delta * delta * total->elements * share;
    total->mean += delta * share;
    total->zeros += seen->zeros;
    total->subnormal += seen->subnormal;
    total->signed_zeros += seen->signed_zeros;
    if (!total->elements || seen->minimum < total->minimum) total->minimum = seen->minimum;
    if (!total->elements || seen->maximum > total->maximum) total->maximum = seen->maximum;
    total->elements = elements;
}

static void add_channels(const Task *task, Run *run)
{
    const float *low = task->lows, *high = task->highs;
    float *lows = task->lows + task->channels, *highs = task->highs + task->channels;
    for (int64_t i = 0; i < task->channels; i++) {
        run->low = low[i] < run->low ? low[i] : run->low;
        run->high = high[i] > run->high ? high[i] : run->high;
        lows[i] = low[i] < lows[i] ? low[i] : lows[i];
        highs[i] = high[i] > highs[i] ? high[i] : highs[i];
    }
}

/* Whether any of these elements, which are all zeros, is -0.0. */
static int has_signed_zeros(const Task *task)
{
    uint32_t bits = 0;
    if (task->kind == FLOAT32) {
        const float *x = task->values;
        for (int64_t i = 0; i < task->elements; i++) bits |= bits_of(x[i]);
    } else if (task->kind == FLOAT16 || task->kind == BFLOAT16) {
        const uint16_t *x = task->values;
        for (int64_t i = 0; i < task->elements; i++) bits |= x[i];
    }
    return bits != 0;
}

INLINE void measure(Task *task, Halves convert)
{
    float first[1];
    Run run = {.shift = *widened(task, 0, 1, first, convert), .low = FLT_MAX, .high = -FLT_MAX};
    if (task->channels) {
        run.channel = task->start / task->inner % task->channels;
        run.left = task->inner - task->start % task->inner;
    }
    for (int64_t i = 0; i < task->channels; i++) {
        task->lows[i] = FLT_MAX;
        task->highs[i] = -FLT_MAX;
    }
    samples(&run, task, convert);
    task->refused = run.not_finite > 0;
    if (task->refused) return;
    add_channels(task, &run);
    double count = (double)task->elements, m2 = run.squares - run.sum * run.sum / count;
    Seen seen = {task->elements, run.zeros, run.below - run.zeros,
                 run.zeros == task->elements && has_signed_zeros(task), run.low, run.high,
                 run.shift + run.sum / count, m2 > 0 ? m2 : 0};
    add(&task->total, &seen);
    for (int kind = 0; task->every && kind < 2; kind++)
        for (int i = 0; i < BUCKETS; i++) task->exponents[kind][i] += run.exponents[kind][i];
}

static void halves_anywhere(const uint16_t *x, int64_t count, float *restrict wide)
{
    halves(x, count, wide);
}

static void measure_anywhere(Task *task) { measure(task, halves_anywhere); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void measure_avx2(Task *task)
{
    measure(task, halves_f16c);
}
#endif

/* Sums of products of one matrix with vectors, and what they are bounded by; products.py calls this.

   Of each column: the sum of centre * w, of radius * |w|, of bulk * |w|, of |w|, and the extremes. */
typedef float Weight __attribute__((aligned(1))); /* as it lies in a file */

typedef struct {
    const Weight *weights;
    int64_t terms, columns;        /* what is summed, and how many sums */
    int64_t by_term, by_column;    /* elements from one to the next; one of them is 1 */
    const double *centre, *radius, *bulk; /* of each term */
    double *centres, *radii, *masses, *sizes; /* of each column, 0 at first */
    float *lows, *highs;           /* as above, FLT_MAX and -FLT_MAX at first */
} Products;

#define BESIDE 1024 /* columns, 20 KiB of sums */

/* One weight into the sums of its column; a function would keep the loop from running in lanes. */
#define ADD(t)                                                   \
    {                                                            \
        float narrow = w##t[i];                                  \
        uint32_t magnitude = bits_of(narrow) & MAGNITUDE;        \
        double wide = narrow, size = __builtin_fabs(wide);       \
        most = magnitude > most ? magnitude : most;              \
        low = narrow < low ? narrow : low;                       \
        high = narrow > high ? narrow : high;                    \
        sum += centre[t] * wide, spread += radius[t] * size;     \
        mass += bulk[t] * size, all += size;                     \
    }

/* Adds one term, or four, to the sums of some columns, which are read and written once for all
   four. The largest magnitude's bits. */
INLINE uint32_t add_terms(const Products *task, int64_t first, int64_t count, int64_t term, int four)
{
    double * centres = task->centres + first, *restrict radii = task->radii + first;
    double * masses = task->masses + first, *restrict sizes = task->sizes + first;
    float * lows = task->lows + first, *restrict highs = task->highs + first;
    const double * centre = task->centre + term, *restrict radius = task->radius + term;
    const double * bulk = task->bulk + term;
    const float * w0 = task->weights + term * task->by_term + first;
    const float * w1 = four ? w0 + task->by_term : w0;
    const float * w2 = four ? w1 + task->by_term : w0;
    const float * w3 = four ? w2 + task->by_term : w0;
    uint32_t most = 0;
#pragma GCC ivdep /* no two of the arrays overlap */
    for (int64_t i = 0; i < count; i++) {
        double sum = centres[i], spread = radii[i], mass = masses[i], all = sizes[i];
        float low = lows[i], high = highs[i];
        ADD(0)
        if (four) {
            ADD(1)
            ADD(2)
            ADD(3)
        }
        centres[i] = sum, radii[i] = spread, masses[i] = mass, sizes[i] = all;
        lows[i] = low, highs[i] = high;
    }
    return most;
}

/* Rows that lie in one piece: all sums of some columns at once. Whether all weights are finite. */
INLINE int by_rows(const Products *task)
{
    uint32_t most = 0;
    for (int64_t first = 0; first < task->columns; first += BESIDE) {
        int64_t left = task->columns - first, count = left < BESIDE ? left : BESIDE;
        for (int64_t term = 0; term < task->terms;) {
            int four = term + 4 <= task->terms;
            uint32_t found = four ? add_terms(task, first, count, term, 1)
                                  : add_terms(task, first, count, term, 0);
            most = found > most ? found : most;
            term += four ? 4 : 1;
        }
    }
    return most < INFINITE;
}

/* Columns that lie in one piece: one after the other. */
INLINE int by_columns(const Products *task)
{
    uint32_t most = 0;
    for (int64_t column = 0; column < task->columns; column++) {
        const float * w = task->weights + column * task->by_column;
        double centre = 0, radius = 0, mass = 0, sum = 0;
        float low = FLT_MAX, high = -FLT_MAX;
        for (int64_t i = 0; i < task->terms; i++) {
            uint32_t magnitude = bits_of(w[i]) & MAGNITUDE;
            most = magnitude > most ? magnitude : most;
            double wide = w[i], size = __builtin_fabs(wide);
            centre += task->centre[i] * wide;
            radius += task->radius[i] * size;
            mass += task->bulk[i] * size;
            sum += size;
            low = w[i] < low ? w[i] : low;
            high = w[i] > high ? w[i] : high;
        }
        task->centres[column] = centre, task->radii[column] = radius;
        task->masses[column] = mass, task->sizes[column] = sum;
        task->lows[column] = low, task->highs[column] = high;
    }
    return most < INFINITE;
}

INLINE int products(const Products *task)
{
    return task->by_column == 1 ? by_rows(task) : by_columns(task);
}

static int products_anywhere(const Products *task) { return products(task); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static int products_avx2(const Products *task)
{
    return products(task);
}
#endif

/* Whether all weights are finite; if not, the sums mean nothing. */
int onnxlint_products(const Products *task)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return products_avx2(task);
#endif
    return products_anywhere(task);
}

/* The size of a task, for compiled.py to compare. */
int64_t onnxlint_task_size(void) { return sizeof(Task); }

typedef void (*Pass)(Task *);

static Pass fastest(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return measure_avx2;
#endif
    return measure_anywhere;
}

/* Whether memory could be filled with the bytes of a file from an offset on. */
static int is_filled(int file, char *memory, int64_t bytes, int64_t offset)
{
    while (bytes > 0) {
        ssize_t got = pread(file, memory, bytes, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        memory += got, offset += got, bytes -= got;
    }
    return 1;
}

/* Measures elements of `width` bytes in a file, `step` at a time, each read into the memory of the
   task's values, which no other thread has. How many: it ends at what cannot be read, and at NaN or
   infinities. */
int64_t onnxlint_measure_file(Task *task, int file, int64_t offset, int64_t elements,
                              int64_t width, int64_t step)
{
    Pass pass = fastest();
    int64_t done = 0;
    while (done < elements) {
        task->elements = elements - done < step ? elements - done : step;
        if (!is_filled(file, (char *)task->values, task->elements * width, offset + done * width))
            break;
        pass(task);
        if (task->refused) break;
        task->start += task->elements;
        done += task->elements;
    }
    return done;
}

/* Measures the tasks `order` names, beside other threads that do the same: `next` is shared. */
void onnxlint_measure(Task *tasks, const int64_t *order, int64_t count, int64_t *next)
{
    Pass chosen = fastest();
    int64_t at;
    while ((at = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < count) chosen(tasks + order[at]);
}

/* Measures a task's elements, which lie here; whether all of them are finite. */
int onnxlint_measure_at(Task *task, const void *values)
{
    task->values = values;
    fastest()(task);
    return !task->refused;
}
