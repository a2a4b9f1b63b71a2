#include "runtime/infer/held.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"

/* A queue by age. Ages and room are looked at when something is kept: a child without new large answers has no reason
 * to hurry, and no timer. */

struct held_answer {
    struct held_answer *next;
    uint32_t slot;
    uint64_t id, kept_ms;
    size_t bytes, count;
    struct tensor *tensors; /* owned; names and elements point into `data` */
    char *data;             /* owned */
};

/* The list's sum of bytes is what is bounded. */
static void held_free(struct held *held, struct held_answer *answer)
{
    held->bytes -= answer->bytes;
    free(answer->tensors);
    free(answer->data);
    free(answer);
}

/* Takes out the first answer that `matches`, for one of the three reasons to go: age, its worker's end, its fetch.
 * False when none does. */
static bool held_drop(struct held *held, bool (*matches)(const struct held_answer *answer, uint64_t value),
                      uint64_t value)
{
    struct held_answer *before = NULL;

    for (struct held_answer *each = held->first; each; before = each, each = each->next) {
        if (!matches(each, value))
            continue;
        *(before ? &before->next : &held->first) = each->next;
        if (held->last == each)
            held->last = before;
        held_free(held, each);
        return true;
    }
    return false;
}

static bool held_is_older(const struct held_answer *answer, uint64_t moment_ms)
{
    return answer->kept_ms < moment_ms;
}

static bool held_is_slots(const struct held_answer *answer, uint64_t slot)
{
    return answer->slot == slot;
}

static bool held_is_id(const struct held_answer *answer, uint64_t id)
{
    return answer->id == id;
}

/* Names and elements into one block. */
static void held_copy(struct held_answer *answer, const struct tensor *tensors)
{
    size_t at = 0;

    for (size_t i = 0; i < answer->count; i++)
        answer->bytes += tensors[i].name.length + (size_t)tensors[i].byte_length;
    answer->data = memory_alloc(answer->bytes + 1, 1);
    for (size_t i = 0; i < answer->count; i++) {
        struct tensor *copy = &answer->tensors[i];
        *copy = tensors[i];
        memcpy(answer->data + at, tensors[i].name.data, tensors[i].name.length);
        copy->name.data = answer->data + at;
        at += copy->name.length;
        if (copy->byte_length > 0)
            memcpy(answer->data + at, tensors[i].inline_bytes.data, (size_t)copy->byte_length);
        copy->inline_bytes = (struct text){answer->data + at, (size_t)copy->byte_length};
        at += (size_t)copy->byte_length;
    }
}

size_t held_keep(struct held *held, uint32_t slot, uint64_t id, const struct tensor *tensors, size_t count)
{
    uint64_t now = clock_now_ms();
    struct held_answer *answer = MEMORY_NEW(struct held_answer);
    size_t need = 0;

    *answer = (struct held_answer){.slot = slot, .id = id, .kept_ms = now, .count = count};
    answer->tensors = memory_alloc(count + 1, sizeof *tensors);
    held_copy(answer, tensors);
    for (size_t i = 0; i < count; i++)
        need += ((size_t)tensors[i].byte_length + 63) & ~(size_t)63;
    while (now > BOUNDS_INFER_HELD_MS && held_drop(held, held_is_older, now - BOUNDS_INFER_HELD_MS))
        ;
    while (held->first && held->bytes + answer->bytes > BOUNDS_INFER_HELD_BYTES)
        held_drop(held, held_is_id, held->first->id);
    *(held->last ? &held->last->next : &held->first) = answer;
    held->last = answer;
    held->bytes += answer->bytes;
    return need;
}

static struct held_answer *held_find(const struct held *held, uint32_t slot, uint64_t id)
{
    for (struct held_answer *each = held->first; each; each = each->next)
        if (each->id == id && each->slot == slot)
            return each;
    return NULL;
}

/* Looked up by worker and number: a number alone could be guessed by another demo. */
int held_fetch(struct held *held, uint32_t slot, uint64_t id, struct held_place place, struct buffer *out)
{
    struct held_answer *answer = held_find(held, slot, id);
    size_t used = place.offset, start = out->length;

    if (!answer)
        return ERROR_NOT_FOUND;
    tensor_list_begin(out, (uint32_t)answer->count);
    for (size_t i = 0; i < answer->count; i++) {
        const struct tensor *tensor = &answer->tensors[i];
        if (tensor_list_add(out, tensor, tensor->inline_bytes.data, &place.window, &used) == 0)
            continue;
        out->length = start;
        return ERROR_LIMIT;
    }
    held_drop(held, held_is_id, id);
    return 0;
}

void held_drop_slot(struct held *held, uint32_t slot)
{
    while (held_drop(held, held_is_slots, slot))
        ;
}
