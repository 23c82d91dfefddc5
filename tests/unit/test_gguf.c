/* GGUF: what is written is read back, and no hostile file gets past the checks. */
#include "unit/unit.h"

#include "formats/gguf.h"

#include <rapt/model_file.h>
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  char dir[64], path[128];
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  w->ctx = counted_context(&w->memory, 1);
  snprintf(w->dir, sizeof w->dir, "/tmp/rapt_gguf_XXXXXX");
  *state = w;
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->path, sizeof w->path, "%s/model.gguf", w->dir);
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  unlink(w->path);
  int left = rmdir(w->dir) != 0; /* a temporary file would still be there */
  rapt_context_free(w->ctx);
  left |= w->memory.live != 0;
  free(w);
  return left;
}

/* ---- Round trip ---- */

static const float reals[6] = {1, -2.5f, 3e-40f, 4, 5, 6};
static const uint8_t blocks[2 * 34] = {1, 2, 3, [67] = 9};

static void announce(rapt__gguf_out *out) {
  rapt__gguf_put_text(out, "general.architecture", "toy");
  rapt__gguf_put_u32(out, "toy.block_count", 4000000000u);
  rapt__gguf_put_f32(out, "toy.epsilon", 1e-5f);
  rapt__gguf_put_bool(out, "toy.flag", true);
  rapt__gguf_put_array(out, "toy.words", RAPT__GGUF_TEXT, 3);
  rapt__gguf_put_element_text(out, "a", 1);
  rapt__gguf_put_element_text(out, "", 0);
  rapt__gguf_put_element_text(out, "\xC3\xA9\xFF\"\n", 5);
  rapt__gguf_put_array(out, "toy.kinds", RAPT__GGUF_I32, 2);
  rapt__gguf_put_element_i32(out, -7);
  rapt__gguf_put_element_i32(out, INT32_MAX);
  rapt__gguf_put_tensor(
      out,
      &(rapt__gguf_tensor){
          .name = "f", .type = rapt__type_of(RAPT__F32), .ndim = 2, .dim = {2, 3}, .size = 6, .bytes = sizeof reals});
  rapt__gguf_put_tensor(out, &(rapt__gguf_tensor){.name = "q",
                                                  .type = rapt__type_of(RAPT__Q8_0),
                                                  .ndim = 2,
                                                  .dim = {1, 64},
                                                  .size = 64,
                                                  .bytes = sizeof blocks});
}

static void write_toy(world *w) {
  rapt__gguf_out out;
  rapt__gguf_out_init(&out, w->ctx);
  announce(&out);
  assert_ok(w->ctx, rapt__gguf_begin(&out, w->path));
  assert_ok(w->ctx, rapt__gguf_data(&out, reals, 8)); /* in parts */
  assert_ok(w->ctx, rapt__gguf_data(&out, (const char *)reals + 8, sizeof reals - 8));
  assert_ok(w->ctx, rapt__gguf_end(&out));
  assert_ok(w->ctx, rapt__gguf_data(&out, blocks, sizeof blocks));
  assert_ok(w->ctx, rapt__gguf_end(&out));
  assert_ok(w->ctx, rapt__gguf_commit(&out));
}

static void round_trip(void **state) {
  world *w = *state;
  write_toy(w);
  rapt__gguf g;
  assert_ok(w->ctx, rapt__gguf_open(w->ctx, w->path, &g));
  assert_int_equal(g.version, 3);
  assert_int_equal(g.pair_count, 6);
  assert_int_equal(g.tensor_count, 2);
  const rapt__gguf_value *v = rapt__gguf_value_of(&g, "general.architecture");
  assert_int_equal(v->kind, RAPT__GGUF_TEXT);
  assert_memory_equal(v->at, "toy", 3);
  assert_int_equal(v->count, 3);
  assert_true(rapt__gguf_integer(rapt__gguf_value_of(&g, "toy.block_count")) == 4000000000);
  assert_true(rapt__gguf_real(rapt__gguf_value_of(&g, "toy.epsilon")) == (double)1e-5f);
  assert_int_equal(rapt__gguf_integer(rapt__gguf_value_of(&g, "toy.flag")), 1);
  assert_null(rapt__gguf_value_of(&g, "toy.nothing"));
  v = rapt__gguf_value_of(&g, "toy.words");
  assert_int_equal(v->count, 3);
  rapt__gguf_value word = rapt__gguf_first(v);
  assert_int_equal(word.count, 1);
  word = rapt__gguf_next(&word);
  assert_int_equal(word.count, 0);
  word = rapt__gguf_next(&word);
  assert_memory_equal(word.at, "\xC3\xA9\xFF\"\n", 5);
  v = rapt__gguf_value_of(&g, "toy.kinds");
  rapt__gguf_value n[2] = {rapt__gguf_number(v, 0), rapt__gguf_number(v, 1)};
  assert_true(rapt__gguf_integer(&n[0]) == -7 && rapt__gguf_integer(&n[1]) == INT32_MAX);
  const rapt__gguf_tensor *f = rapt__gguf_find(&g, "f"), *q = rapt__gguf_find(&g, "q");
  assert_true(f && q && !rapt__gguf_find(&g, "r"));
  assert_true(f->ndim == 2 && f->dim[0] == 2 && f->dim[1] == 3 && f->size == 6 && f->bytes == sizeof reals);
  assert_memory_equal(f->data, reals, sizeof reals);
  assert_int_equal(q->type->type, RAPT__Q8_0);
  assert_memory_equal(q->data, blocks, sizeof blocks);
  assert_int_equal((uintptr_t)f->data % 32, 0);
  assert_int_equal((uintptr_t)q->data % 32, 0);
  rapt__gguf_close(&g);
  rapt__gguf_close(&g); /* harmless */
}

static void unfinished(void **state) {
  world *w = *state;
  rapt__gguf_out out;
  rapt__gguf_out_init(&out, w->ctx);
  announce(&out);
  assert_ok(w->ctx, rapt__gguf_begin(&out, w->path));
  assert_ok(w->ctx, rapt__gguf_data(&out, reals, sizeof reals));
  assert_ok(w->ctx, rapt__gguf_end(&out));
  assert_fails(w->ctx, rapt__gguf_commit(&out), RAPT_EINVAL, "128 bytes of tensors were announced and 32 written");
  rapt__gguf_abort(&out);
  assert_int_equal(access(w->path, F_OK), -1);
}

static void shown(void **state) {
  world *w = *state;
  write_toy(w);
  rapt_model_file *f;
  rapt_model_file_totals t;
  rapt_metadata m;
  assert_ok(w->ctx, rapt_model_file_open(w->ctx, w->path, &f));
  rapt_model_file_get_totals(f, &t);
  assert_string_equal(t.format, "GGUF version 3");
  assert_true(t.tensors == 2 && t.metadata == 6 && t.elements == 70 && t.tensor_bytes == 24 + 68);
  static const char *const values[] = {
      "\"toy\"",         "4000000000", "9.99999975e-06", "true", "[\"a\", \"\", \"\xC3\xA9\xEF\xBF\xBD\\\"\\u000a\"]",
      "[-7, 2147483647]"};
  for (int i = 0; i < 6; i++) {
    assert_ok(w->ctx, rapt_model_file_get_metadata(f, i, -1, &m));
    assert_string_equal(m.json, values[i]);
    assert_false(m.shortened);
  }
  assert_ok(w->ctx, rapt_model_file_get_metadata(f, 4, 1, &m));
  assert_string_equal(m.json, "[\"a\"]");
  assert_string_equal(m.type, "TEXT[]");
  assert_true(m.shortened && m.count == 3);
  assert_fails(w->ctx, rapt_model_file_get_metadata(f, 6, -1, &m), RAPT_EINVAL, "metadata 6");
  rapt_tensor_info info;
  assert_ok(w->ctx, rapt_model_file_get_tensor(f, 1, &info));
  assert_string_equal(info.type, "Q8_0");
  assert_true(info.ndim == 2 && info.dims[1] == 64 && info.bytes == 68);
  assert_fails(w->ctx, rapt_model_file_get_tensor(f, -1, &info), RAPT_EINVAL, "tensor -1");
  rapt_model_file_free(f);
}

/* ---- Hostile files ---- */

typedef struct bytes {
  uint8_t at[4096];
  size_t size;
} bytes;

static void put(bytes *b, uint64_t n, int size) {
  for (int i = 0; i < size; i++) b->at[b->size++] = (uint8_t)(n >> (8 * i));
}

static void put_name(bytes *b, const char *name) {
  put(b, strlen(name), 8);
  memcpy(b->at + b->size, name, strlen(name));
  b->size += strlen(name);
}

static bytes head(uint32_t version, uint64_t tensors, uint64_t pairs) {
  bytes b = {.size = 4};
  memcpy(b.at, "GGUF", 4);
  put(&b, version, 4);
  put(&b, tensors, 8);
  put(&b, pairs, 8);
  return b;
}

static void put_pair(bytes *b, const char *key, uint32_t kind) {
  put_name(b, key);
  put(b, kind, 4);
}

/* The innermost dimension first, as in the file. */
static void put_tensor(bytes *b, const char *name, uint64_t d0, uint64_t d1, uint32_t type, uint64_t offset) {
  put_name(b, name);
  put(b, 2, 4);
  put(b, d0, 8);
  put(b, d1, 8);
  put(b, type, 4);
  put(b, offset, 8);
}

static void data(bytes *b, size_t size) {
  b->size = (b->size + 31) & ~(size_t)31;
  b->size += size;
}

/* Parsed from a block of exactly its size, so that a sanitizer sees every byte read too much. */
static rapt_status parse(world *w, const bytes *b, size_t size) {
  uint8_t *block = malloc(size ? size : 1);
  memcpy(block, b->at, size);
  rapt__gguf g;
  long before = w->memory.calls;
  rapt_status status = rapt__gguf_parse(w->ctx, "mem", block, size, &g);
  assert_true(w->memory.calls - before < 40);
  if (status == RAPT_OK) rapt__gguf_close(&g);
  free(block);
  return status;
}

static void refuse(world *w, const bytes *b, rapt_status wanted, const char *part) {
  assert_fails(w->ctx, parse(w, b, b->size), wanted, part);
}

static void hostile_heads(void **state) {
  world *w = *state;
  bytes b = head(3, 0, 0);
  assert_ok(w->ctx, parse(w, &b, b.size));
  b = head(2, 0, 0);
  assert_ok(w->ctx, parse(w, &b, b.size));
  for (size_t n = 0; n < b.size; n++) assert_fails(w->ctx, parse(w, &b, n), RAPT_EFORMAT, "mem: byte ");
  b.at[0] = 'g';
  refuse(w, &b, RAPT_EFORMAT, "is no GGUF file");
  b = head(1, 0, 0);
  refuse(w, &b, RAPT_EUNSUPPORTED, "GGUF version 1");
  b = head(0x03000000, 0, 0);
  refuse(w, &b, RAPT_EUNSUPPORTED, "big-endian");
  b = head(3, UINT64_MAX, 0);
  refuse(w, &b, RAPT_EFORMAT, "18446744073709551615 tensors");
  b = head(3, 0, (uint64_t)1 << 32);
  data(&b, 1000);
  refuse(w, &b, RAPT_EFORMAT, "4294967296 keys do not fit into 1032 bytes");
}

static void hostile_pairs(void **state) {
  world *w = *state;
  bytes b = head(3, 0, 1);
  put_pair(&b, "a", 99);
  put(&b, 0, 8);
  refuse(w, &b, RAPT_EFORMAT, "key a: there is no kind of value 99");
  b = head(3, 0, 1);
  put(&b, 0, 8);
  data(&b, 64);
  refuse(w, &b, RAPT_EFORMAT, "key number 0: the key of 0 bytes");
  b = head(3, 0, 1);
  put_pair(&b, "a\nb", RAPT__GGUF_U8);
  put(&b, 0, 8);
  refuse(w, &b, RAPT_EFORMAT, "byte 33: key number 0: the key has the control character 10");
  b = head(3, 0, 1);
  put(&b, UINT64_MAX - 3, 8);
  data(&b, 64);
  refuse(w, &b, RAPT_EFORMAT, "key number 0: the key needs 18446744073709551612 bytes");
  b = head(3, 0, 1);
  put_pair(&b, "flag", RAPT__GGUF_BOOL);
  put(&b, 2, 1);
  refuse(w, &b, RAPT_EFORMAT, "key flag: 2 is neither true");
  b = head(3, 0, 1);
  put_pair(&b, "text", RAPT__GGUF_TEXT);
  put(&b, (uint64_t)4 << 30, 8);
  data(&b, 1000);
  refuse(w, &b, RAPT_EFORMAT, "key text: a text needs 4294967296 bytes");
  static const rapt__gguf_kind elements[] = {RAPT__GGUF_U8, RAPT__GGUF_F64, RAPT__GGUF_TEXT, RAPT__GGUF_ARRAY};
  for (size_t i = 0; i < COUNT(elements); i++) {
    b = head(3, 0, 1);
    put_pair(&b, "list", RAPT__GGUF_ARRAY);
    put(&b, elements[i], 4);
    put(&b, (uint64_t)1 << 61, 8);
    data(&b, 1000);
    refuse(w, &b, RAPT_EFORMAT, "key list: an array claims 2305843009213693952 elements");
  }
  b = head(3, 0, 1);
  put_pair(&b, "deep", RAPT__GGUF_ARRAY);
  for (int i = 0; i < RAPT__GGUF_NESTING + 2; i++) {
    put(&b, RAPT__GGUF_ARRAY, 4);
    put(&b, 1, 8);
  }
  data(&b, 64);
  refuse(w, &b, RAPT_EUNSUPPORTED, "key deep: arrays inside arrays more than 8 deep");
  b = head(3, 0, 2);
  for (int i = 0; i < 2; i++) {
    put_pair(&b, "same", RAPT__GGUF_U32);
    put(&b, 1, 4);
  }
  refuse(w, &b, RAPT_EFORMAT, "two keys are named same");
}

static void nested(void **state) {
  world *w = *state;
  bytes b = head(3, 0, 1);
  put_pair(&b, "nest", RAPT__GGUF_ARRAY);
  put(&b, RAPT__GGUF_ARRAY, 4);
  put(&b, 2, 8);
  for (int i = 0; i < 2; i++) {
    put(&b, RAPT__GGUF_U16, 4);
    put(&b, 2, 8);
    put(&b, (uint64_t)(0x10000 * (i + 3) + i), 4);
  }
  rapt__gguf g;
  assert_ok(w->ctx, rapt__gguf_parse(w->ctx, "mem", b.at, b.size, &g));
  rapt__gguf_value first = rapt__gguf_first(&g.pairs[0].value), second = rapt__gguf_next(&first);
  rapt__gguf_value n[2] = {rapt__gguf_number(&second, 0), rapt__gguf_number(&second, 1)};
  assert_int_equal(first.count, 2);
  assert_true(rapt__gguf_integer(&n[0]) == 1 && rapt__gguf_integer(&n[1]) == 4);
  assert_ptr_equal(second.end, b.at + b.size);
  rapt__gguf_close(&g);
}

static void hostile_tensors(void **state) {
  world *w = *state;
  bytes b = head(3, 1, 0);
  put_tensor(&b, "t", 32, 2, RAPT__Q8_0, 0);
  data(&b, 68);
  assert_ok(w->ctx, parse(w, &b, b.size));
  for (size_t n = 0; n < b.size; n++) assert_fails(w->ctx, parse(w, &b, n), RAPT_EFORMAT, "mem: ");
  static const struct {
    uint64_t d0, d1;
    uint32_t type;
    uint64_t offset;
    rapt_status status;
    const char *part;
  } cases[] = {
      {33, 2, RAPT__Q8_0, 0, RAPT_EFORMAT, "tensor t: rows of 33 elements are no whole blocks of 32 (Q8_0)"},
      {32, 3, RAPT__Q8_0, 0, RAPT_EFORMAT, "tensor t: 102 bytes from byte 0 of the data reach outside its 68 bytes"},
      {32, 2, RAPT__Q8_0, 32, RAPT_EFORMAT, "reach outside"},
      {32, 2, RAPT__Q8_0, 4, RAPT_EFORMAT, "tensor t: offset 4 is no multiple of the alignment 32"},
      {32, 2, RAPT__Q8_0, UINT64_MAX - 31, RAPT_EFORMAT, "reach outside"},
      {32, 2, 4, 0, RAPT_EUNSUPPORTED, "tensor t: type 4 is not known"},
      {(uint64_t)1 << 32, (uint64_t)1 << 32, RAPT__F32, 0, RAPT_EFORMAT, "tensor t: dimension"},
      {UINT64_MAX, 1, RAPT__F32, 0, RAPT_EFORMAT, "tensor t: dimension 1, 18446744073709551615, is no size"},
      {(uint64_t)1 << 62, 1, RAPT__F32, 0, RAPT_EFORMAT, "tensor t: "},
      {(uint64_t)1 << 30, 1, RAPT__F32, 0, RAPT_EFORMAT, "tensor t: 4294967296 bytes"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    b = head(3, 1, 0);
    put_tensor(&b, "t", cases[i].d0, cases[i].d1, cases[i].type, cases[i].offset);
    data(&b, 68);
    refuse(w, &b, cases[i].status, cases[i].part);
  }
  b = head(3, 1, 0);
  put_name(&b, "t");
  put(&b, 5, 4);
  data(&b, 200);
  refuse(w, &b, RAPT_EFORMAT, "tensor t: 5 dimensions");
  b = head(3, 2, 0);
  put_tensor(&b, "t", 32, 2, RAPT__Q8_0, 0);
  put_tensor(&b, "u", 32, 2, RAPT__Q8_0, 32);
  data(&b, 200);
  refuse(w, &b, RAPT_EFORMAT, "tensors t and u overlap");
  b = head(3, 2, 0);
  put_tensor(&b, "t", 32, 1, RAPT__Q8_0, 0);
  put_tensor(&b, "t", 32, 1, RAPT__Q8_0, 64);
  data(&b, 200);
  refuse(w, &b, RAPT_EFORMAT, "two tensors are named t");
}

static void alignments(void **state) {
  world *w = *state;
  static const uint64_t refused[] = {0, 3, 48, 1 << 21};
  for (size_t i = 0; i <= COUNT(refused); i++) {
    bytes b = head(3, 1, 1);
    put_pair(&b, "general.alignment", RAPT__GGUF_U32);
    put(&b, i < COUNT(refused) ? refused[i] : 8, 4);
    put_tensor(&b, "t", 1, 1, RAPT__F32, 8);
    b.size = (b.size + 7) & ~(size_t)7;
    b.size += 12;
    if (i < COUNT(refused))
      refuse(w, &b, RAPT_EFORMAT, "general.alignment");
    else
      assert_ok(w->ctx, parse(w, &b, b.size));
  }
}

static void failing_memory(void **state) {
  world *w = *state;
  write_toy(w);
  for (long n = 1; n < 60; n++) {
    rapt__gguf g;
    rapt_model_file *f;
    w->memory.calls = 0;
    w->memory.fail_at = n;
    rapt_status status = rapt__gguf_open(w->ctx, w->path, &g);
    if (status == RAPT_OK) rapt__gguf_close(&g);
    if (status == RAPT_OK && rapt_model_file_open(w->ctx, w->path, &f) == RAPT_OK) rapt_model_file_free(f);
    w->memory.fail_at = 0;
    if (status != RAPT_OK) assert_int_equal(status, RAPT_ENOMEM);
    rapt_context_clear(w->ctx);
    rapt__gguf_out out;
    w->memory.calls = 0;
    w->memory.fail_at = n;
    rapt__gguf_out_init(&out, w->ctx);
    announce(&out);
    rapt__gguf_begin(&out, w->path);
    rapt__gguf_abort(&out);
    w->memory.fail_at = 0;
    rapt_context_clear(w->ctx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trip, open_world, close_world),
      cmocka_unit_test_setup_teardown(unfinished, open_world, close_world),
      cmocka_unit_test_setup_teardown(shown, open_world, close_world),
      cmocka_unit_test_setup_teardown(hostile_heads, open_world, close_world),
      cmocka_unit_test_setup_teardown(hostile_pairs, open_world, close_world),
      cmocka_unit_test_setup_teardown(nested, open_world, close_world),
      cmocka_unit_test_setup_teardown(hostile_tensors, open_world, close_world),
      cmocka_unit_test_setup_teardown(alignments, open_world, close_world),
      cmocka_unit_test_setup_teardown(failing_memory, open_world, close_world),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
