/* UnicodeScripts: a text is cut where the script changes. PCRE2 knows the scripts of characters; one pattern of all of them
 * tells, by its mark, which one a run of characters has. */
#include "text/step.h"

#include <stdlib.h>
#include <string.h>

static const char *const scripts[] = {"Latin",
                                      "Common",
                                      "Han",
                                      "Hiragana",
                                      "Katakana",
                                      "Cyrillic",
                                      "Greek",
                                      "Inherited",
                                      "Arabic",
                                      "Hebrew",
                                      "Hangul",
                                      "Devanagari",
                                      "Thai",
                                      "Armenian",
                                      "Georgian",
                                      "Bengali",
                                      "Tamil",
                                      "Telugu",
                                      "Gujarati",
                                      "Gurmukhi",
                                      "Kannada",
                                      "Malayalam",
                                      "Sinhala",
                                      "Oriya",
                                      "Lao",
                                      "Tibetan",
                                      "Myanmar",
                                      "Ethiopic",
                                      "Khmer",
                                      "Mongolian",
                                      "Adlam",
                                      "Ahom",
                                      "Anatolian_Hieroglyphs",
                                      "Avestan",
                                      "Balinese",
                                      "Bamum",
                                      "Bassa_Vah",
                                      "Batak",
                                      "Bhaiksuki",
                                      "Bopomofo",
                                      "Brahmi",
                                      "Braille",
                                      "Buginese",
                                      "Buhid",
                                      "Canadian_Aboriginal",
                                      "Carian",
                                      "Caucasian_Albanian",
                                      "Chakma",
                                      "Cham",
                                      "Cherokee",
                                      "Coptic",
                                      "Cuneiform",
                                      "Cypriot",
                                      "Deseret",
                                      "Duployan",
                                      "Egyptian_Hieroglyphs",
                                      "Elbasan",
                                      "Glagolitic",
                                      "Gothic",
                                      "Grantha",
                                      "Hanunoo",
                                      "Hatran",
                                      "Imperial_Aramaic",
                                      "Inscriptional_Pahlavi",
                                      "Inscriptional_Parthian",
                                      "Javanese",
                                      "Kaithi",
                                      "Kayah_Li",
                                      "Kharoshthi",
                                      "Khojki",
                                      "Khudawadi",
                                      "Lepcha",
                                      "Limbu",
                                      "Linear_A",
                                      "Linear_B",
                                      "Lisu",
                                      "Lycian",
                                      "Lydian",
                                      "Mahajani",
                                      "Mandaic",
                                      "Manichaean",
                                      "Marchen",
                                      "Meetei_Mayek",
                                      "Mende_Kikakui",
                                      "Meroitic_Cursive",
                                      "Meroitic_Hieroglyphs",
                                      "Miao",
                                      "Modi",
                                      "Mro",
                                      "Multani",
                                      "Nabataean",
                                      "New_Tai_Lue",
                                      "Newa",
                                      "Nko",
                                      "Ogham",
                                      "Ol_Chiki",
                                      "Old_Hungarian",
                                      "Old_Italic",
                                      "Old_North_Arabian",
                                      "Old_Permic",
                                      "Old_Persian",
                                      "Old_South_Arabian",
                                      "Old_Turkic",
                                      "Osage",
                                      "Osmanya",
                                      "Pahawh_Hmong",
                                      "Palmyrene",
                                      "Pau_Cin_Hau",
                                      "Phags_Pa",
                                      "Phoenician",
                                      "Psalter_Pahlavi",
                                      "Rejang",
                                      "Runic",
                                      "Samaritan",
                                      "Saurashtra",
                                      "Sharada",
                                      "Shavian",
                                      "Siddham",
                                      "SignWriting",
                                      "Sora_Sompeng",
                                      "Sundanese",
                                      "Syloti_Nagri",
                                      "Syriac",
                                      "Tagalog",
                                      "Tagbanwa",
                                      "Tai_Le",
                                      "Tai_Tham",
                                      "Tai_Viet",
                                      "Takri",
                                      "Tangut",
                                      "Thaana",
                                      "Tifinagh",
                                      "Tirhuta",
                                      "Ugaritic",
                                      "Vai",
                                      "Warang_Citi",
                                      "Yi"};
enum { SCRIPTS = sizeof scripts / sizeof *scripts, HAN = 2, ANY = -1, OTHER = -2 };

rapt_status rapt__scripts_regex(rapt_context *ctx, rapt__regex **out) {
  rapt__text pattern;
  rapt__text_init(&pattern, ctx);
  rapt_status status = rapt__text_addf(&pattern, "\\G(?:");
  for (int i = 0; i < SCRIPTS && status == RAPT_OK; i++)
    status = rapt__text_addf(&pattern, "%s\\p{sc:%s}++(*MARK:%d)", i ? "|" : "", scripts[i], i);
  if (status == RAPT_OK) status = rapt__text_addf(&pattern, ")");
  if (status == RAPT_OK) status = rapt__regex_new(ctx, pattern.data, pattern.size, out);
  rapt__text_free(&pattern);
  return status;
}

/* A space belongs to what stands before it, and is dropped where nothing does, as in Hugging Face's; kana goes with
 * ideographs. */
static int fixed(int script, uint32_t code) {
  if (code == 0x30FC) return HAN;
  if (code == ' ') return ANY;
  return script == HAN + 1 || script == HAN + 2 ? HAN : script;
}

rapt_status rapt__scripts_cut(const rapt__text_step *s, const rapt__view *v, rapt__piece p, rapt__matcher *m,
                              rapt__pieces *out) {
  int last = OTHER;
  size_t start = p.start;
  bool none = true; /* no character has a script so far */
  for (size_t at = p.start; at < p.end;) {
    bool found;
    size_t from, length;
    RAPT_TRY(rapt__matcher_start(m, s->regex, v->text + at, p.end - at));
    RAPT_TRY(rapt__matcher_next(m, &found, &from, &length));
    uint32_t code;
    const char *mark = found ? rapt__matcher_mark(m) : NULL;
    int script = mark ? atoi(mark) : OTHER;
    size_t end = found ? at + length : at + rapt__view_char(v, at, &code);
    for (size_t n; at < end; at += n) {
      n = rapt__view_char(v, at, &code);
      int here = fixed(script, code);
      if (here == ANY) continue;
      if (none || last != here) {
        if (!none) RAPT_TRY(rapt__pieces_add(out, start, at));
        start = at;
      }
      none = false;
      last = here;
    }
  }
  return none ? RAPT_OK : rapt__pieces_add(out, start, p.end);
}
