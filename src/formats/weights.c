/* One safetensors file or several with an index. */
#include "formats/weights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ONE_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"
enum { MOST_FILES = 9999, INDEX_LIMIT = 64 << 20 };

/* ---- The index ---- */

/* A name of a file beside the index: nothing that leads elsewhere. */
static bool plain_name(const char *name) {
  return name && *name && *name != '.' && !strchr(name, '/') && strlen(name) < 256;
}

rapt_status rapt__index_parse(rapt_context *ctx, const char *name, const char *text, size_t size, json_t **root) {
  json_error_t error;
  *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  if (!*root && json_error_code(&error) == json_error_out_of_memory) return rapt__fail_memory(ctx, size);
  if (!*root) return rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);
  json_t *map = json_object_get(*root, "weight_map"), *value;
  const char *key;
  rapt_status status = RAPT_OK;
  if (!json_is_object(map) || json_object_size(map) == 0)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: has no \"weight_map\" that says which file each tensor is in", name);
  json_object_foreach(map, key, value) {
    if (status == RAPT_OK && !plain_name(json_string_value(value)))
      status = rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor \"%s\": \"%s\" is no name of a file beside the index", name,
                          key, json_is_string(value) ? json_string_value(value) : "?");
  }
  if (status != RAPT_OK) {
    json_decref(*root);
    *root = NULL;
  }
  return status;
}

/* ---- Reading ---- */

static char *beside(rapt__weights *w, const char *name) {
  const char *slash = strrchr(w->path, '/');
  int length = slash ? (int)(slash - w->path) + 1 : 0;
  return rapt__arena_format(&w->arena, "%.*s%s", length, w->path, name);
}

static rapt_status open_file(rapt__weights *w, char *path) {
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__safetensors_open(w->ctx, path, &w->files[w->file_count]));
  w->paths[w->file_count++] = path;
  return RAPT_OK;
}

static rapt_status make_room(rapt__weights *w, size_t files) {
  w->files = rapt__arena_new(&w->arena, files, sizeof *w->files);
  w->paths = rapt__arena_new(&w->arena, files, sizeof *w->paths);
  return w->files && w->paths ? RAPT_OK : RAPT_ENOMEM;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Opens every file that the index names, in the order of their names. */
static rapt_status open_shards(rapt__weights *w, json_t *map) {
  size_t count = 0, different = 0;
  const char *key, **names = rapt__arena_new(&w->arena, json_object_size(map), sizeof *names);
  json_t *value;
  if (!names) return RAPT_ENOMEM;
  json_object_foreach(map, key, value) names[count++] = json_string_value(value);
  qsort(names, count, sizeof *names, by_text);
  for (size_t i = 0; i < count; i++)
    if (i == 0 || strcmp(names[i - 1], names[i]) != 0) names[different++] = names[i];
  if (different > MOST_FILES)
    return rapt__fail(w->ctx, RAPT_EFORMAT, "%s: names %zu files; at most %d are opened", w->path, different,
                      MOST_FILES);
  RAPT_TRY(make_room(w, different));
  for (size_t i = 0; i < different; i++) RAPT_TRY(open_file(w, beside(w, names[i])));
  return RAPT_OK;
}

typedef struct found {
  const rapt__st_entry *entry;
  size_t file;
} found;

static int by_entry(const void *a, const void *b) {
  return strcmp(((const found *)a)->entry->name, ((const found *)b)->entry->name);
}

static rapt_status collect(rapt__weights *w) {
  size_t total = 0;
  for (size_t f = 0; f < w->file_count; f++) total += w->files[f].count;
  found *all = rapt__new(w->ctx, total + 1, sizeof *all);
  w->entries = rapt__arena_new(&w->arena, total + 1, sizeof *w->entries);
  w->file_of = rapt__arena_new(&w->arena, total + 1, sizeof *w->file_of);
  rapt_status status = all && w->entries && w->file_of ? RAPT_OK : RAPT_ENOMEM;
  for (size_t f = 0; f < w->file_count && status == RAPT_OK; f++)
    for (size_t i = 0; i < w->files[f].count; i++) all[w->count++] = (found){&w->files[f].entries[i], f};
  if (status == RAPT_OK) qsort(all, w->count, sizeof *all, by_entry);
  for (size_t i = 0; i < w->count && status == RAPT_OK; i++) {
    w->entries[i] = all[i].entry;
    w->file_of[i] = all[i].file;
    if (i && strcmp(w->entries[i - 1]->name, w->entries[i]->name) == 0)
      status = rapt__fail(w->ctx, RAPT_EFORMAT, "%s and %s: both have the tensor \"%s\"", w->paths[w->file_of[i - 1]],
                          w->paths[w->file_of[i]], w->entries[i]->name);
  }
  rapt__free(w->ctx, all);
  return status;
}

static size_t place_of(const rapt__weights *w, const char *name) {
  size_t low = 0, high = w->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(w->entries[middle]->name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < w->count && strcmp(w->entries[low]->name, name) == 0 ? low : w->count;
}

/* The index and the files say the same. */
static rapt_status compare(const rapt__weights *w, json_t *map) {
  const char *key;
  json_t *value;
  json_object_foreach(map, key, value) {
    size_t i = place_of(w, key);
    const char *slash = i < w->count ? strrchr(w->paths[w->file_of[i]], '/') : NULL;
    const char *file = i == w->count ? NULL : slash ? slash + 1 : w->paths[w->file_of[i]];
    if (!file || strcmp(file, json_string_value(value)) != 0)
      return rapt__fail(w->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" is said to be in %s and is not there", w->path, key,
                        json_string_value(value));
  }
  for (size_t i = 0; i < w->count; i++)
    if (!json_object_get(map, w->entries[i]->name))
      return rapt__fail(w->ctx, RAPT_EFORMAT, "%s: does not list the tensor \"%s\" of %s", w->path, w->entries[i]->name,
                        w->paths[w->file_of[i]]);
  return RAPT_OK;
}

static rapt_status open_index(rapt__weights *w) {
  char *text;
  size_t size;
  json_t *root;
  RAPT_TRY(rapt__file_read(w->ctx, w->path, INDEX_LIMIT, &text, &size));
  rapt_status status = rapt__index_parse(w->ctx, w->path, text, size, &root);
  rapt__free(w->ctx, text);
  RAPT_TRY(status);
  json_t *map = json_object_get(root, "weight_map");
  status = open_shards(w, map);
  if (status == RAPT_OK) status = collect(w);
  if (status == RAPT_OK) status = compare(w, map);
  json_decref(root);
  return status;
}

static bool ends_in(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

rapt_status rapt__weights_open(rapt_context *ctx, const char *path, rapt__weights *out) {
  *out = (rapt__weights){.ctx = ctx};
  rapt__arena_init(&out->arena, ctx);
  out->path = rapt__arena_strdup(&out->arena, path);
  rapt_status status = out->path ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK && ends_in(path, ".json")) {
    status = open_index(out);
  } else if (status == RAPT_OK) {
    status = make_room(out, 1);
    if (status == RAPT_OK) status = open_file(out, out->path);
    if (status == RAPT_OK) status = collect(out);
  }
  if (status != RAPT_OK) rapt__weights_close(out);
  return status;
}

rapt_status rapt__weights_open_dir(rapt_context *ctx, const char *dir, rapt__weights *out) {
  *out = (rapt__weights){0};
  char *one = rapt__path_join(ctx, dir, ONE_FILE), *index = rapt__path_join(ctx, dir, INDEX_FILE);
  rapt_status status = RAPT_ENOMEM;
  if (one && index)
    status = rapt__weights_open(ctx, !rapt__file_exists(one) && rapt__file_exists(index) ? index : one, out);
  rapt__free(ctx, one);
  rapt__free(ctx, index);
  return status;
}

void rapt__weights_close(rapt__weights *w) {
  if (!w->ctx) return;
  for (size_t i = 0; i < w->file_count; i++) rapt__safetensors_close(&w->files[i]);
  rapt__arena_free(&w->arena);
  *w = (rapt__weights){0};
}

const rapt__st_entry *rapt__weights_find(const rapt__weights *w, const char *name) {
  size_t i = place_of(w, name);
  return i < w->count ? w->entries[i] : NULL;
}

/* ---- Writing ---- */

/* Entries of file `wanted`, from the first on; how many files there are comes back. Tensors stay in their order. */
static int64_t deal(const rapt__st_entry *entries, size_t count, uint64_t most, int64_t wanted, size_t *begin,
                    size_t *end) {
  int64_t file = -1;
  uint64_t fill = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t bytes = (uint64_t)entries[i].size * rapt__safetensors_element(entries[i].type);
    if (file < 0 || bytes > most - fill) {
      file++;
      fill = 0;
      if (file == wanted) *begin = i;
    }
    fill += bytes < most - fill ? bytes : most - fill;
    if (file == wanted) *end = i + 1;
  }
  return file + 1;
}

static rapt_status remove_file(rapt_context *ctx, const char *dir, const char *name) {
  char *path = rapt__path_join(ctx, dir, name);
  if (!path) return RAPT_ENOMEM;
  rapt_status status =
      rapt__file_exists(path) && unlink(path) != 0 ? rapt__fail_errno(ctx, "remove it", path) : RAPT_OK;
  rapt__free(ctx, path);
  return status;
}

static rapt_status write_index(rapt_context *ctx, const char *dir, json_t *map, uint64_t total) {
  json_t *root = json_pack("{s:{s:I},s:O}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
  char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
  char *path = rapt__path_join(ctx, dir, INDEX_FILE);
  json_decref(root);
  rapt_status status = RAPT_ENOMEM;
  if (text && path)
    status = rapt__file_replace(ctx, path, text, strlen(text));
  else if (path)
    status = rapt__fail_memory(ctx, 0);
  rapt__free(ctx, path);
  free(text);
  return status;
}

static rapt_status write_shards(rapt_context *ctx, const char *dir, const rapt__st_entry *entries, size_t count,
                                const char *const *meta, uint64_t most, json_t *map) {
  size_t begin = 0, end = 0;
  int64_t files = deal(entries, count, most, -1, &begin, &end);
  uint64_t total = 0;
  if (files > MOST_FILES)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: files of at most %llu bytes would be %lld; at most %d are written", dir,
                      (unsigned long long)most, (long long)files, MOST_FILES);
  for (int64_t f = 0; f < files; f++) {
    char name[64];
    snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", (int)f + 1, (int)files);
    deal(entries, count, most, f, &begin, &end);
    char *path = rapt__path_join(ctx, dir, name);
    if (!path) return RAPT_ENOMEM;
    rapt_status status = rapt__safetensors_write(ctx, path, entries + begin, end - begin, meta);
    rapt__free(ctx, path);
    RAPT_TRY(status);
    for (size_t i = begin; i < end; i++) {
      total += (uint64_t)entries[i].size * rapt__safetensors_element(entries[i].type);
      if (json_object_get(map, entries[i].name))
        return rapt__fail(ctx, RAPT_EINVAL, "%s: two tensors are named \"%s\"", dir, entries[i].name);
      if (json_object_set_new(map, entries[i].name, json_string(name)) != 0) return rapt__fail_memory(ctx, 0);
    }
  }
  RAPT_TRY(write_index(ctx, dir, map, total));
  return remove_file(ctx, dir, ONE_FILE);
}

rapt_status rapt__weights_write(rapt_context *ctx, const char *dir, const rapt__st_entry *entries, size_t count,
                                const char *const *meta, uint64_t most) {
  size_t begin = 0, end = 0;
  if (most && deal(entries, count, most, -1, &begin, &end) > 1) {
    json_t *map = json_object();
    rapt_status status = map ? write_shards(ctx, dir, entries, count, meta, most, map) : rapt__fail_memory(ctx, 0);
    json_decref(map);
    return status;
  }
  char *path = rapt__path_join(ctx, dir, ONE_FILE);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__safetensors_write(ctx, path, entries, count, meta);
  rapt__free(ctx, path);
  return status == RAPT_OK ? remove_file(ctx, dir, INDEX_FILE) : status;
}
