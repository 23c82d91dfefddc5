/* safetensors: what is written is read back, and no hostile header gets past the checks. */
#include "unit/unit.h"

#include "base/half.h"
#include "formats/safetensors.h"
#include "tasks/params_file.h"

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
  snprintf(w->dir, sizeof w->dir, "/tmp/rapt_safetensors_XXXXXX");
  *state = w;
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->path, sizeof w->path, "%s/model.safetensors", w->dir);
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

/* A file in memory: header length, header, `data` zero bytes; parsed from a block of exactly its size, so that a
 * sanitizer sees every byte read too much. */
static rapt_status parse(world *w, const char *header, size_t length, size_t data, rapt__safetensors *st) {
  size_t text = strlen(header), size = 8 + text + data;
  uint8_t *bytes = calloc(size, 1);
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)((uint64_t)length >> (8 * i));
  memcpy(bytes + 8, header, text);
  rapt_status status = rapt__safetensors_parse(w->ctx, "mem", bytes, size, st);
  if (status == RAPT_OK) rapt__safetensors_close(st);
  free(bytes);
  return status;
}

static rapt_status parse_text(world *w, const char *header, size_t data) {
  rapt__safetensors st;
  return parse(w, header, strlen(header), data, &st);
}

static const float reals[] = {1, -2.5f, 3e-40f, 4, 5, 6};
static const double wide[] = {1e300, -0.1};
static const int64_t longs[] = {INT64_MIN, INT64_MAX};
static const int32_t words[] = {-7, INT32_MAX, 0};
static const uint8_t bytes[] = {0, 128, 255};
static const rapt__st_entry written[] = {
    {.name = "u8", .type = RAPT__ST_U8, .ndim = 1, .dim = {3}, .size = 3, .data = bytes},
    {.name = "layer.\xC3\xA9\"weight",
     .ndim = 2,
     .type = RAPT__ST_F32,
     .dim = {2, 3},
     .size = 6,
     .data = (void *)reals},
    {.name = "i32", .type = RAPT__ST_I32, .ndim = 1, .dim = {3}, .size = 3, .data = (void *)words},
    {.name = "f64", .type = RAPT__ST_F64, .ndim = 3, .dim = {1, 2, 1}, .size = 2, .data = (void *)wide},
    {.name = "empty", .type = RAPT__ST_F32, .ndim = 2, .dim = {0, 5}, .size = 0},
    {.name = "i64", .type = RAPT__ST_I64, .ndim = 1, .dim = {2}, .size = 2, .data = (void *)longs},
    {.name = "scalar", .type = RAPT__ST_F32, .ndim = 0, .size = 1, .data = (void *)reals},
};

static void round_trip(void **state) {
  world *w = *state;
  const char *const meta[] = {"format", "pt", "note", "a \"b\" \xE2\x82\xAC", NULL};
  assert_ok(w->ctx, rapt__safetensors_write(w->ctx, w->path, written, COUNT(written), meta));
  rapt__safetensors st;
  assert_ok(w->ctx, rapt__safetensors_open(w->ctx, w->path, &st));
  assert_int_equal(st.count, COUNT(written));
  assert_string_equal(rapt__safetensors_meta(&st, "format"), "pt");
  assert_string_equal(rapt__safetensors_meta(&st, "note"), "a \"b\" \xE2\x82\xAC");
  assert_null(rapt__safetensors_meta(&st, "absent"));
  assert_null(rapt__safetensors_find(&st, "absent"));
  static const size_t element[] = {
      [RAPT__ST_F64] = 8, [RAPT__ST_F32] = 4, [RAPT__ST_I64] = 8, [RAPT__ST_I32] = 4, [RAPT__ST_U8] = 1};
  for (size_t i = 0; i < COUNT(written); i++) {
    const rapt__st_entry *e = rapt__safetensors_find(&st, written[i].name);
    assert_non_null(e);
    assert_int_equal(e->type, written[i].type);
    assert_int_equal(e->ndim, written[i].ndim);
    assert_int_equal(e->size, written[i].size);
    assert_memory_equal(e->dim, written[i].dim, sizeof e->dim);
    if (e->size) assert_memory_equal(e->data, written[i].data, (size_t)e->size * element[e->type]);
    assert_int_equal((uintptr_t)e->data % element[e->type], 0);
  }
  float f[6];
  int64_t n[3];
  assert_ok(w->ctx, rapt__safetensors_read(&st, rapt__safetensors_find(&st, "f64"), f));
  assert_true(isinf(f[0]) && f[1] == -0.1f);
  assert_ok(w->ctx, rapt__safetensors_read_ints(&st, rapt__safetensors_find(&st, "i32"), n));
  assert_true(n[0] == -7 && n[1] == INT32_MAX && n[2] == 0);
  assert_fails(w->ctx, rapt__safetensors_read(&st, rapt__safetensors_find(&st, "i32"), f), RAPT_EUNSUPPORTED, "i32");
  assert_fails(w->ctx, rapt__safetensors_read_ints(&st, rapt__safetensors_find(&st, "f64"), n), RAPT_EUNSUPPORTED,
               "f64");
  rapt__safetensors_close(&st);
  rapt__safetensors_close(&st); /* harmless */

  assert_ok(w->ctx, rapt__safetensors_write(w->ctx, w->path, NULL, 0, NULL));
  assert_ok(w->ctx, rapt__safetensors_open(w->ctx, w->path, &st));
  assert_int_equal(st.count, 0);
  assert_null(rapt__safetensors_meta(&st, "format"));
  rapt__safetensors_close(&st);
}

/* Every type from its bytes, at an odd address. */
static void conversions(void **state) {
  world *w = *state;
  static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[0,16]},"
                               "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[16,20]},"
                               "\"s\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[20,24]},"
                               "\"c\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[24,26]},"
                               "\"u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[26,28]},"
                               "\"t\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[28,30]}}";
  static const uint8_t data[30] = {0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00, 0xFF, 0x7B, 0x00, 0x7C,
                                   0x01, 0x7E, 0x00, 0x80, 0x00, 0x84, 0x80, 0x3F, 0x40, 0xC0,
                                   0xFE, 0xFF, 0x01, 0x00, 0x80, 0x7F, 0x80, 0x7F, 0x00, 0x01};
  size_t length = sizeof header - 1, size = 8 + length + sizeof data;
  uint8_t *block = calloc(size + 1, 1), *file = block + 1;
  file[0] = (uint8_t)(length & 255), file[1] = (uint8_t)(length >> 8);
  memcpy(file + 8, header, length);
  memcpy(file + 8 + length, data, sizeof data);
  rapt__safetensors st;
  assert_ok(w->ctx, rapt__safetensors_parse(w->ctx, "mem", file, size, &st));
  float f[8];
  assert_ok(w->ctx, rapt__safetensors_read(&st, rapt__safetensors_find(&st, "h"), f));
  assert_true(f[0] == 1 && f[1] == -2 && f[2] == 0x1p-24f && f[3] == 65504 && isinf(f[4]) && isnan(f[5]));
  assert_true(f[6] == 0 && signbit(f[6]) && f[7] == -0x1p-14f);
  assert_ok(w->ctx, rapt__safetensors_read(&st, rapt__safetensors_find(&st, "b"), f));
  assert_true(f[0] == 1 && f[1] == -3);
  static const struct {
    const char *name;
    int64_t first, second;
  } ints[] = {{"s", -2, 1}, {"c", -128, 127}, {"u", 128, 127}, {"t", 0, 1}};
  for (size_t i = 0; i < COUNT(ints); i++) {
    int64_t n[2];
    assert_ok(w->ctx, rapt__safetensors_read_ints(&st, rapt__safetensors_find(&st, ints[i].name), n));
    assert_true(n[0] == ints[i].first && n[1] == ints[i].second);
  }
  rapt__safetensors_close(&st);
  free(block);
}

/* Every number of two bytes comes back, what lies between two goes to the nearer or to the even one. */
static void numbers_of_two_bytes(void **state) {
  (void)state;
  for (uint32_t h = 0; h <= 0xFFFF; h++) {
    float half = rapt__from_half((uint16_t)h), brain = rapt__from_bfloat((uint16_t)h);
    if (isnan(half))
      assert_true(isnan(rapt__from_half(rapt__to_half(half))));
    else
      assert_int_equal(rapt__to_half(half), h);
    if (isnan(brain))
      assert_true(isnan(rapt__from_bfloat(rapt__to_bfloat(brain))));
    else
      assert_int_equal(rapt__to_bfloat(brain), h);
    if ((h & 0x7FFF) >= 0x7BFF) continue;
    float next = rapt__from_half((uint16_t)(h + 1)), middle = (half + next) / 2;
    assert_int_equal(rapt__to_half(middle), h + (h & 1));
    assert_int_equal(rapt__to_half(nextafterf(middle, half)), h);
    assert_int_equal(rapt__to_half(nextafterf(middle, next)), h + 1);
    if ((h & 0x7FFF) < 0x80) continue; /* the machine may flush what is smaller than a normal float */
    next = rapt__from_bfloat((uint16_t)(h + 1)), middle = brain + (next - brain) / 2;
    assert_int_equal(rapt__to_bfloat(middle), h + (h & 1));
    assert_int_equal(rapt__to_bfloat(nextafterf(middle, brain)), h);
    assert_int_equal(rapt__to_bfloat(nextafterf(middle, next)), h + 1);
  }
  assert_int_equal(rapt__to_half(65519.99F), 0x7BFF);
  assert_int_equal(rapt__to_half(-65520), 0xFC00);
  assert_int_equal(rapt__to_half(1e-8F), 0);
  assert_int_equal(rapt__to_bfloat(3.4e38F), 0x7F80);
}

static void narrow_parameters(void **state) {
  world *w = *state;
  rapt_params *params;
  rapt_graph *graph;
  assert_ok(w->ctx, rapt_params_new(w->ctx, &params));
  assert_ok(w->ctx, rapt_graph_new(w->ctx, &graph));
  rapt_param(graph, params, "a", 2, (int64_t[]){3, 5}, (rapt_init){RAPT_INIT_NORMAL, 1, false});
  rapt_param(graph, params, "b", 1, (int64_t[]){7}, (rapt_init){RAPT_INIT_NORMAL, 1, true});
  rapt_graph_free(graph);
  assert_ok(w->ctx, rapt_params_start(params, 3));
  for (int k = 0; k < 2; k++) {
    double largest = k ? 0x1p-8 : 0x1p-11; /* half of a step, relatively */
    rapt_real before[32];
    assert_in_range(params->extent, 22, 32);
    memcpy(before, params->values, (size_t)params->extent * sizeof *before);
    assert_ok(w->ctx, rapt__params_write_narrow(params, w->path, k ? RAPT__ST_BF16 : RAPT__ST_F16, NULL));
    memset(params->values, 0, (size_t)params->extent * sizeof *before);
    assert_ok(w->ctx, rapt__params_read(params, w->path));
    bool rounded = false;
    for (int64_t i = 0; i < params->extent; i++) {
      assert_true(fabs((double)(params->values[i] - before[i])) <= largest * fabs((double)before[i]) + 0x1p-25);
      rounded |= params->values[i] != before[i];
    }
    assert_true(rounded);
  }
  params->values[params->items[1]->offset + 2] = 70000;
  assert_fails(w->ctx, rapt__params_write_narrow(params, w->path, RAPT__ST_F16, NULL), RAPT_EINVAL,
               "tensor \"b\": 70000 is too large for float16");
  assert_ok(w->ctx, rapt__params_write_narrow(params, w->path, RAPT__ST_BF16, NULL));
  rapt_params_free(params);
}

#define ENTRY(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"a\":" ENTRY(dtype, shape, offsets) "}"

static void hostile_headers(void **state) {
  world *w = *state;
  static const struct {
    const char *header;
    size_t data;
    const char *part; /* of the message; NULL: accepted */
  } cases[] = {
      {ONE("F32", "[2]", "[0,8]"), 8, NULL},
      {ONE("F32", "[2]", "[0,8]") "   ", 8, NULL},
      {"{}", 0, NULL},
      {"{\"__metadata__\":{}}", 0, NULL},
      {ONE("F32", "[]", "[0,4]"), 4, NULL},
      {ONE("F32", "[0,9]", "[0,0]"), 0, NULL},
      {"{\"b\":" ENTRY("U8", "[3]", "[1,4]") ",\"a\":" ENTRY("U8", "[1]", "[0,1]") "}", 4,
       NULL}, /* any order in JSON */
      {ONE("F31", "[2]", "[0,8]"), 8, "dtype \"F31\""},
      {ONE("f32", "[2]", "[0,8]"), 8, "dtype"},
      {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
      {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "shape"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets"},
      {"{\"a\":5}", 0, "\"a\""},
      {"{\"a\":null}", 0, "\"a\""},
      {ONE("F32", "[-2]", "[0,8]"), 8, "dimension 0"},
      {ONE("F32", "[2.0]", "[0,8]"), 8, "dimension 0"},
      {ONE("F32", "[\"2\"]", "[0,8]"), 8, "dimension 0"},
      {ONE("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "at most 8"},
      {ONE("U8", "[4294967296,4294967296]", "[0,0]"), 0, "dimension 1"},
      {ONE("F64", "[2305843009213693952]", "[0,0]"), 0, "shape and dtype"}, /* 2^61 * 8 = 2^64 */
      {ONE("F64", "[2305843009213693953]", "[0,8]"), 8, "shape and dtype"},
      {ONE("F32", "[99999999999999999999]", "[0,8]"), 8, "header"},
      {ONE("F32", "[3]", "[0,8]"), 8, "shape and dtype"},
      {ONE("F32", "[2]", "[0,8]"), 7, "outside"},
      {ONE("F32", "[2]", "[0,8]"), 9, "behind the last"},
      {ONE("F32", "[2]", "[8,0]"), 8, "outside"},
      {ONE("F32", "[2]", "[-8,0]"), 8, "outside"},
      {ONE("F32", "[2]", "[4,12]"), 12, "hole or an overlap"},
      {ONE("F32", "[2]", "[9223372036854775800,9223372036854775807]"), 8, "outside"},
      {ONE("F32", "[2]", "[0,8,9]"), 8, "data_offsets"},
      {ONE("F32", "[2]", "[0.0,8.0]"), 8, "outside"},
      {ONE("F32", "[2]", "{}"), 8, "data_offsets"},
      {"{\"a\":" ENTRY("U8", "[3]", "[0,3]") ",\"b\":" ENTRY("U8", "[2]", "[2,4]") "}", 4, "hole or an overlap"},
      {"{\"a\":" ENTRY("U8", "[4]", "[0,4]") ",\"b\":" ENTRY("U8", "[4]", "[0,4]") "}", 4, "hole or an overlap"},
      {"{\"a\":" ENTRY("U8", "[1]", "[0,1]") ",\"b\":" ENTRY("U8", "[1]", "[3,4]") "}", 4, "hole or an overlap"},
      {"{\"a\":" ENTRY("U8", "[4]", "[0,4]") ",\"b\":" ENTRY("U8", "[0]", "[2,2]") "}", 4, "hole or an overlap"},
      {"{\"a\":" ENTRY("U8", "[2]", "[0,2]") ",\"a\":" ENTRY("U8", "[2]", "[2,4]") "}", 4, "duplicate"},
      {"{\"__metadata__\":7}", 0, "__metadata__"},
      {"{\"__metadata__\":{\"k\":1}}", 0, "\"k\""},
      {"[]", 0, "object"},
      {"", 0, "header"},
      {"{", 0, "header"},
      {"{} {}", 0, "header"},
      {"{\"a\\u0000\":" ENTRY("U8", "[0]", "[0,0]") "}", 0, "header"},
      {"{\"\xFF\":" ENTRY("U8", "[0]", "[0,0]") "}", 0, "header"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    rapt_status status = parse_text(w, cases[i].header, cases[i].data);
    const char *message = rapt_context_message(w->ctx);
    if (status != (cases[i].part ? RAPT_EFORMAT : RAPT_OK))
      fail_msg("%s: status %d (%s)", cases[i].header, status, message);
    if (cases[i].part && !(strstr(message, cases[i].part) && strncmp(message, "mem: ", 5) == 0))
      fail_msg("%s: \"%s\" does not contain \"%s\"", cases[i].header, message, cases[i].part);
    rapt_context_clear(w->ctx);
  }
}

static void hostile_lengths(void **state) {
  world *w = *state;
  static const char header[] = ONE("F32", "[2]", "[0,8]");
  rapt__safetensors st;
  static const uint64_t lengths[] = {0,          1,         sizeof header - 2, sizeof header, 100000001,
                                     UINT32_MAX, INT64_MAX, UINT64_MAX - 7,    UINT64_MAX};
  for (size_t i = 0; i < COUNT(lengths); i++)
    assert_fails(w->ctx, parse(w, header, lengths[i], 8, &st), RAPT_EFORMAT, "mem: ");
  /* Deep nesting must not eat the stack. */
  char *deep = calloc(200001, 1);
  memset(deep, '[', 200000);
  assert_fails(w->ctx, parse_text(w, deep, 0), RAPT_EFORMAT, "header");
  free(deep);
}

static void truncations(void **state) {
  world *w = *state;
  assert_ok(w->ctx,
            rapt__safetensors_write(w->ctx, w->path, written, COUNT(written), (const char *const[]){"k", "v", NULL}));
  char *whole;
  size_t size;
  assert_ok(w->ctx, rapt__file_read(w->ctx, w->path, 1 << 20, &whole, &size));
  for (size_t n = 0; n < size; n++) {
    uint8_t *part = malloc(n ? n : 1);
    memcpy(part, whole, n);
    rapt__safetensors st;
    assert_fails(w->ctx, rapt__safetensors_parse(w->ctx, "cut", part, n, &st), RAPT_EFORMAT, "cut: ");
    free(part);
  }
  rapt__free(w->ctx, whole);
  assert_ok(w->ctx, rapt__file_replace(w->ctx, w->path, "", 0));
  rapt__safetensors st;
  assert_fails(w->ctx, rapt__safetensors_open(w->ctx, w->path, &st), RAPT_EFORMAT, w->path);
  assert_int_equal(unlink(w->path), 0);
  assert_fails(w->ctx, rapt__safetensors_open(w->ctx, w->path, &st), RAPT_ENOTFOUND, w->path);
}

static void refused_writes(void **state) {
  world *w = *state;
  static const struct {
    rapt__st_entry entries[2];
    size_t count;
    const char *part;
  } cases[] = {
      {{{.name = "a", .type = RAPT__ST_U8, .size = 1, .data = bytes}, {.name = "a", .type = RAPT__ST_F32, .size = 1}},
       2,
       "two tensors"},
      {{{.name = "__metadata__", .type = RAPT__ST_U8, .size = 1, .data = bytes}}, 1, "__metadata__"},
      {{{.name = "a", .type = RAPT__ST_U8, .ndim = 1, .dim = {3}, .size = 2, .data = bytes}}, 1, "2 elements"},
      {{{.name = "a", .type = RAPT__ST_U8, .ndim = 2, .dim = {-1, -3}, .size = 3, .data = bytes}}, 1, "3 elements"},
      {{{.name = "a", .type = RAPT__ST_U8, .ndim = 9, .size = 1, .data = bytes}}, 1, "elements"},
      {{{.name = "a", .type = RAPT__ST_F64, .ndim = 1, .dim = {INT64_MAX}, .size = INT64_MAX, .data = bytes}},
       1,
       "elements"},
      {{{.name = "\xFFz", .type = RAPT__ST_U8, .size = 1, .data = bytes}}, 1, "UTF-8"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_fails(w->ctx, rapt__safetensors_write(w->ctx, w->path, cases[i].entries, cases[i].count, NULL), RAPT_EINVAL,
                 cases[i].part);
    assert_int_not_equal(access(w->path, F_OK), 0);
  }
  assert_fails(w->ctx, rapt__safetensors_write(w->ctx, w->path, NULL, 0, (const char *const[]){"k", "\xFF", NULL}),
               RAPT_EINVAL, "metadata \"k\"");
}

static void failing_memory(void **state) {
  world *w = *state;
  for (int reading = 0; reading < 2; reading++) {
    long live = w->memory.live, failures = 0;
    for (long at = 1;; at++) {
      w->memory.calls = 0;
      w->memory.fail_at = at;
      rapt__safetensors st = {0};
      rapt_status status = reading ? rapt__safetensors_open(w->ctx, w->path, &st)
                                   : rapt__safetensors_write(w->ctx, w->path, written, COUNT(written), NULL);
      w->memory.fail_at = 0;
      rapt__safetensors_close(&st);
      assert_int_equal(w->memory.live, live);
      if (status == RAPT_OK) break;
      assert_int_equal(status, RAPT_ENOMEM);
      rapt_context_clear(w->ctx);
      failures++;
    }
    assert_true(failures >= 1);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(round_trip),        TEST(conversions),     TEST(numbers_of_two_bytes),
      TEST(narrow_parameters), TEST(hostile_headers), TEST(hostile_lengths),
      TEST(truncations),       TEST(refused_writes),  TEST(failing_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
