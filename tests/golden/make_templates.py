#!/usr/bin/env python3
"""Makes tests/golden/templates.json: templates, variables, and what Jinja makes of them with the settings that transformers renders
chat templates with. "error": Jinja refuses as well.

Run by hand, with jinja2 installed; the result is kept in the repository."""
import json
import pathlib

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

TALK = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Grüße, 'you' \"there\"! "},
                     {"role": "assistant", "content": "Hi.\nYou?"}, {"role": "user", "content": "Bye 👋"}],
        "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
TOOLS = {**TALK, "tools": [{"type": "function", "function": {
    "name": "add", "description": "Adds <two> numbers & more", "parameters": {"type": "object", "properties": {
        "a": {"type": "number"}, "b": {"type": "number", "enum": [1, 2.5, 1e20, 1e-7, None, True]}}, "required": ["a"]}}}]}
VALUES = {"n": 7, "x": 2.5, "s": "Wörter und words", "l": [3, 1, 2, 3], "o": {"b": 1, "a": [1, {"k": "v"}]}, "t": True,
          "z": None, "e": "", "people": [{"name": "Ann", "age": 31, "at": {"city": "Rome"}}, {"name": "Bob", "age": 25}],
          "lines": "one\ntwo\n\nthree"}

CHATS = [
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and system %}{% set content = '<<S>>' + system + '<</S>>' + m['content'] %}"
    "{% else %}{% set content = m['content'] %}{% endif %}"
    "{{ '[I]' ~ content.strip() ~ '[/I]' if m.role == 'user' else ' ' + content | trim + eos_token }}{% endfor %}",
    """{%- macro show(m, mark='#') -%}
{{ mark }} {{ m.role | upper }}: {{ m.content | trim }}
{% endmacro -%}
{%- for m in messages if m.role != 'system' %}
    {%- if loop.first %}first {% endif -%}
    {{ show(m) if loop.index is odd else show(m, mark='##') }}
    {%- if not loop.last %}
---
    {% endif %}
{%- endfor %}
""",
    """{% set ns = namespace(last=-1, seen=[]) %}
{% for m in messages %}
{% if m.role == "user" %}
{% set ns.last = loop.index0 %}
{% set ns.seen = ns.seen + [m.content | length] %}
{% endif %}
{% endfor %}
{{ ns.last }} {{ ns.seen }}
{% for m in messages[::-1] %}
  {% set index = (messages | length - 1) - loop.index0 %}
  {{- index }}:{{ m.role[:3] }}{{ "," if not loop.last }}
{%- endfor %}
""",
    "{% if tools is defined and tools is not none %}{% for tool in tools %}{{ tool | tojson }}\n{{ tool | tojson(indent=2) }}{% endfor %}"
    "{% endif %}{% if documents is defined %}never{% endif %}",
    "{% for t in tools | default([]) %}{%- for k, v in t.function.parameters.properties.items() %}{{ k }}={{ v.type }}"
    "{% if 'enum' in v %}({{ v.enum | join('|') }}){% endif %};{% endfor %}{% endfor %}{% generation %}said{% endgeneration %}",
    "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{{ m.content }}{% if loop.index == 3 %}{% break %}"
    "{% endif %}{% else %}nothing{% endfor %}{% for m in [] %}x{% else %}nothing{% endfor %}",
    "{%- set text %}\n  {{ messages[0].content }}\n{% endset -%}[{{ text }}]{{ text | trim | length }}",
    "{{ messages[1].content.split(\"'\")[-1].strip(' !') }}|{{ messages | map(attribute='role') | join(',') }}|"
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}|{{ (messages | rejectattr('role', 'in', ['user']) | first).content }}",
    "a {#- comment -#} b {# other #}\n  {% raw %}{{ not }} {% this %}{% endraw %}\n  {% if true %}\n    kept\n  {% endif %}\nend\n",
    "  {%+ if true %} x {% endif +%}\n y {{- ' z ' -}} \n w",
    "{% if messages %}{% if not messages[9] is defined %}no ninth{% endif %}{% elif x %}{% else %}{% endif %}{{ messages[9] }}.",
]

EXPRESSIONS = [
    "n + 1, n - 10, n * x, n / 2, n // 2, -n // 2, n % 3, -n % 3, n ** 2, 2 ** -1, x // 1", "-n ** 2", "n ~ x ~ s ~ t ~ z",
    "1 < n <= 7 != 8", "n == 7.0 and t == 1", "not e or n", "'a' in s, 'W' in s, 3 in l, 9 not in l, 'b' in o", "s[0], s[-1], s[1:4], s[::2], s[::-1], l[1:], l[:-1], l[5:], l[-9:2]",
    "l | sort, l | sort(reverse=true), l | unique | list, l | reverse | list, l | first, l | last, l | length, l | join('-')",
    "o, o.a[1].k, o['b'], o.values() | list, o.keys() | list, o.get('q'), o.get('q', 5), o.a", "people | map(attribute='name') | list",
    "people | map(attribute='at.city', default='?') | list", "people | sort(attribute='age') | map(attribute='name') | join",
    "people | selectattr('at') | list | length, people | selectattr('age', '>', 30) | map(attribute='name') | first",
    "s | upper, s | lower, s | title, s | capitalize, 'HELLO wORLD' | title", "s | replace('w', 'v'), s.replace('o', '0', 1)",
    "s.split(), s.split('r', 1), ' a b '.split(' '), 'a,b,,c'.split(','), s.startswith('Wö'), s.endswith(('x', 'ds')), s.find('u'), s.count('r')",
    "'  x y '.strip(), 'xxyxx'.strip('x'), 'xxyxx'.lstrip('x'), 'xxyxx'.rstrip('x') , ' \\u00a0x ' | trim",
    "'1.5' | float, '7' | int, 'x' | int, 3.9 | int, -3.9 | int, 5 | string, z | string, t | string, -4 | abs",
    "n is odd, n is even, n is divisibleby(7), n is number, x is float, n is integer, t is boolean, s is string, l is iterable, o is mapping, z is none, q is defined, q is undefined, s is sequence, n is eq 7, n is gt 3, n is in l",
    "[1, 2.0, 'a\\'b', \"a'b\", none, true, [], {}, 'tab\\there', 'new\\nline']", "1.0, 0.1, 1e16, 1e15, 123456789.125, 1e-5, 0.0001, 2.5e-7, 1e300",
    "o | tojson, s | tojson, lines | tojson, 1.0 | tojson, z | tojson, '<a&b>' | tojson", "people | tojson(indent=4)",
    "lines | indent(2), lines | indent(2, true), lines | indent(3, blank=true)", "q | default('d'), e | default('d'), e | default('d', true), 'yes' if q is defined else 'none'",
    "range(4) | list, range(2, 5) | list, range(5, 0, -2) | list", "l + [9], 'ab' * 3, [0] * 2, 'a' 'b'", "(1, 2)[1], [[1, 2], [3]][0][1]",
    "'%' ~ '}' ~ '}}' ~ \"{{\" ~ '\\\\'", "dict(a=1, b='x') | tojson", "1_000, 0, 00", "l | select('odd') | list, l | reject('odd') | list, l | select | list",
    "s | list | length, s | reverse", "n is not none and n is not string", "z or 'other'", "'ß' | upper | length > 0", "true, True, false, none, None",
    "'abc' < 'abd', [1, 2] == [1, 2], {'a': 1} == {'a': 1.0}", "t + t, t * 3", "10 % 4.5, 7.5 // 2, -7.5 % 2",
]

ERRORS = ["{{ q.x }}", "{{ q.x.y }}", "{{ raise_exception('no') }}", "{{ 1 + 's' }}", "{{ 1 / 0 }}", "{{ q() }}", "{{ s.nothing() }}",
          "{% for a, b in [[1, 2, 3]] %}{% endfor %}", "{{ 1 < 's' }}", "{% set n.x = 1 %}", "{{ -s }}", "{{ range(1000000) }}",
          "{% if %}", "{{ 1 + }}", "{% for x %}", "{% endif %}", "{{ 'open }}", "{# open", "{% if x %}", "{{ x | nothing }}",
          "{{ x is nothing }}", "{% break %}", "{{ (1 }}", "{% nothing %}", "{{ n['x'].y }}", "{{ {1: }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}"]


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.globals["raise_exception"] = refuse
    env.filters["tojson"] = lambda x, indent=None: json.dumps(x, ensure_ascii=False, indent=indent)
    expressions = ["{{ [%s] }}" % text for text in EXPRESSIONS]
    cases = [(text, values) for text in CHATS for values in (TALK, TOOLS)] + [(text, VALUES) for text in expressions]
    sets = [TALK, TOOLS, VALUES]
    out = [{"template": text, "variables": sets.index(values), "want": env.from_string(text).render(**values)}
           for text, values in cases]
    for text in ERRORS:
        try:
            made = env.from_string(text).render(**VALUES)
        except Exception:
            out.append({"template": text, "variables": 2, "error": True})
        else:
            raise SystemExit(f"Jinja makes {made!r} of {text!r}")
    path = pathlib.Path(__file__).parent / "templates.json"
    path.write_text(json.dumps({"variables": sets, "cases": out}, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(len(out), "cases")


if __name__ == "__main__":
    main()
