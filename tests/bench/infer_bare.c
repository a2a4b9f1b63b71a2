/* The bare loop that the product is compared with: ONNX Runtime alone, one thread, the same model and input size, no
 * process, message or check around it. Prints one JSON line.
 *
 *   infer_bare MODEL.onnx [calls] [batch] */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/infer/engine.h"

enum { BENCH_CALLS = 20000, BENCH_PERCENT = 100 };

static int bench_compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* Every free dimension is the batch. */
static void bench_input(const struct engine_value *value, long batch, struct engine_input *input)
{
    size_t count = 1;

    *input = (struct engine_input){.rank = value->rank};
    for (uint32_t i = 0; i < value->rank; i++) {
        input->shape[i] = value->shape[i] < 0 ? batch : value->shape[i];
        count *= (size_t)input->shape[i];
    }
    input->length = count * tensor_type_size(value->type);
    input->bytes = calloc(input->length + 1, 1);

}

static int bench_run(struct engine *engine, long calls, long batch)
{
    struct engine_input inputs[TENSOR_LIST_MAX];
    struct engine_answer answer;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;
    uint64_t *times = calloc((size_t)calls, sizeof *times), started = clock_now_us();

    for (size_t i = 0; i < engine->input_count; i++)
        bench_input(&engine->inputs[i], batch, &inputs[i]);
    for (long i = 0; i < calls; i++) {
        uint64_t before = clock_now_us();
        if (engine_run(engine, inputs, &answer, &reason) < 0) {
            fprintf(stderr, "%.*s\n", TEXT_ARGUMENT(buffer_view(&reason)));
            return 1;
        }
        engine_answer_clear(&answer);
        times[i] = clock_now_us() - before;
    }
    double seconds = (double)(clock_now_us() - started) / 1e6;
    qsort(times, (size_t)calls, sizeof *times, bench_compare);
    printf("{\"bench\":\"infer_bare\",\"calls\":%ld,\"batch\":%ld,\"calls_per_second\":%.0f,\"p50_us\":%llu,\"p99_us\":"
           "%llu}\n",
           calls, batch, (double)calls / seconds, (unsigned long long)times[calls / 2],
           (unsigned long long)times[calls * 99 / BENCH_PERCENT]);
    return 0;
}

int main(int count, char **arguments)
{
    struct buffer BUFFER_AUTO bytes = BUFFER_EMPTY;
    struct buffer BUFFER_AUTO reason = BUFFER_EMPTY;
    struct engine engine;
    FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;

    if (!file || engine_setup() < 0) {
        fprintf(stderr, "infer_bare: needs a readable model and ONNX Runtime\n");
        return 2;
    }
    size_t length;
    while ((length = fread(buffer_reserve(&bytes, 65536), 1, 65536, file)) > 0)
        buffer_advance(&bytes, length);
    fclose(file);
    if (engine_open(&engine, buffer_view(&bytes), &reason) < 0) {
        fprintf(stderr, "infer_bare: %.*s\n", TEXT_ARGUMENT(buffer_view(&reason)));
        return 1;
    }
    long calls = count > 2 ? atol(arguments[2]) : BENCH_CALLS, batch = count > 3 ? atol(arguments[3]) : 1;
    return bench_run(&engine, calls > 0 ? calls : 1, batch > 0 ? batch : 1);
}
