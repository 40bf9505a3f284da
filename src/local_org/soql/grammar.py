"""SOQL's grammar: from a text to a tree.

Parsing knows no org: the same text always gives the same tree, so trees are kept. Whether a column
exists, and what the query finds, is ``query``.

Source: SOQL and SOSL Reference v65 (docs/salesforce.md §3).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from local_org.soql.literals import QUOTED, malformed, pointed, unquote
from local_org.soql.syntax import (
    Aggregate,
    Column,
    Comparison,
    Condition,
    FieldSet,
    Junction,
    Membership,
    Negation,
    Ordering,
    Query,
    Value,
)

_GRAMMAR = r"""
start: _SELECT select_list _FROM PATH [_AS] [ALIAS] [where] [group_by] [order_by] [limit] [offset] [view]
condition: expression

?select_list: _COUNT_ALL _LPAR _RPAR -> count_all
            | item (_COMMA item)* -> items
?item: PATH -> column
     | FIELDS _LPAR SET _RPAR -> fields
     | AGGREGATE _LPAR PATH _RPAR [ALIAS] -> aggregate

where: _WHERE expression
?expression: unary
           | unary (_AND unary)+ -> all_of
           | unary (_OR unary)+ -> any_of
?unary: _NOT unary -> negated
      | _LPAR expression _RPAR
      | PATH OPERATOR value -> comparison
      | PATH _LIKE STRING -> like
      | PATH _IN members -> within
      | PATH _NOT_IN members -> not_within
?members: STRING_LIST -> string_list
        | _LPAR value (_COMMA value)* _RPAR -> value_list
        | _LPAR start _RPAR -> subquery
?value: STRING -> string
      | NUMBER -> number
      | DATETIME -> datetime
      | DATE -> date
      | RELATIVE -> relative
      | _TRUE -> true
      | _FALSE -> false
      | _NULL -> null

group_by: _GROUP_BY PATH (_COMMA PATH)*
order_by: _ORDER_BY ordering (_COMMA ordering)*
ordering: (PATH | aggregate_key) [DIRECTION] [NULLS]
aggregate_key: AGGREGATE _LPAR PATH _RPAR
limit: _LIMIT INTEGER
offset: _OFFSET INTEGER
view: _FOR_VIEW

_SELECT.9: /select\b/i
_FROM.9: /from\b/i
_AS.9: /as\b/i
_WHERE.9: /where\b/i
_AND.9: /and\b/i
_OR.9: /or\b/i
_NOT_IN.9: /not\s+in\b/i
_NOT.8: /not\b/i
_IN.9: /in\b/i
_LIKE.9: /like\b/i
_GROUP_BY.9: /group\s+by\b/i
_ORDER_BY.9: /order\s+by\b/i
_LIMIT.9: /limit\b/i
_OFFSET.9: /offset\b/i
_FOR_VIEW.9: /for\s+(?:view|reference)\b/i
_TRUE.9: /true\b/i
_FALSE.9: /false\b/i
_NULL.9: /null\b/i
_COUNT_ALL.9: /count(?=\s*\(\s*\))/i
AGGREGATE.8: /(?:count_distinct|count|min|max|sum|avg)(?=\s*\()/i
FIELDS.8: /fields(?=\s*\()/i
SET.8: /(?:all|standard|custom)(?=\s*\))/i
DIRECTION.8: /(?:asc|desc)\b/i
NULLS.8: /nulls\s+(?:first|last)\b/i
OPERATOR.8: /!=|<>|<=|>=|=|<|>/
STRING_LIST.7: /\(\s*'(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')*\s*\)/s
STRING.7: /'(?:[^'\\]|\\.)*'/s
DATETIME.7: /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)/i
DATE.6: /\d{4}-\d\d-\d\d/
RELATIVE.6: /(?:(?:LAST|NEXT)_N_(?:DAYS|WEEKS|MONTHS|QUARTERS|YEARS):\d+|(?:LAST|NEXT)_90_DAYS|TODAY|YESTERDAY|TOMORROW|(?:THIS|LAST|NEXT)_(?:WEEK|MONTH|QUARTER|YEAR))\b/i
INTEGER.5: /\d+/
NUMBER.5: /[+-]?(?:\d+(?:\.\d+)?|\.\d+)/
ALIAS.2: /(?!(?:where|order|group|limit|offset|for|from|having|with|all|using)\b)[a-z]\w*/i
PATH.1: /[a-z]\w*(?:\.[a-z]\w*)*/i
_COMMA: ","
_LPAR: "("
_RPAR: ")"
%ignore /\s+/
"""


def _column(token: Token) -> Column:
    return Column(str(token), token.start_pos or 0)


class _Build(Transformer[Token, Any]):
    """Turns lark's tree into the values above."""

    def count_all(self, _: Sequence[Any]) -> None:
        return None

    def items(self, parts: list[Any]) -> tuple[Any, ...]:
        return tuple(parts)

    def column(self, parts: list[Token]) -> Column:
        return _column(parts[0])

    def fields(self, parts: list[Token]) -> FieldSet:
        return FieldSet(parts[1].upper(), parts[0].start_pos or 0)

    def aggregate(self, parts: list[Any]) -> Aggregate:
        return Aggregate(parts[0].upper(), _column(parts[1]), str(parts[2]) if parts[2] else None)

    def aggregate_key(self, parts: list[Token]) -> Aggregate:
        return Aggregate(parts[0].upper(), _column(parts[1]), None)

    def where(self, parts: list[Condition]) -> Condition:
        return parts[0]

    def condition(self, parts: list[Condition]) -> Condition:
        return parts[0]

    def all_of(self, parts: list[Condition]) -> Junction:
        return Junction(every=True, parts=tuple(parts))

    def any_of(self, parts: list[Condition]) -> Junction:
        return Junction(every=False, parts=tuple(parts))

    def negated(self, parts: list[Condition]) -> Negation:
        return Negation(parts[0])

    def comparison(self, parts: list[Any]) -> Comparison:
        return Comparison(_column(parts[0]), parts[1].replace("<>", "!="), parts[2])

    def like(self, parts: list[Token]) -> Comparison:
        return Comparison(_column(parts[0]), "LIKE", Value("string", str(parts[1])[1:-1]))

    def within(self, parts: list[Any]) -> Membership:
        return Membership(_column(parts[0]), parts[1], negated=False)

    def not_within(self, parts: list[Any]) -> Membership:
        return Membership(_column(parts[0]), parts[1], negated=True)

    def string_list(self, parts: list[Token]) -> tuple[Value, ...]:
        return tuple(Value("string", unquote(raw)) for raw in QUOTED.findall(str(parts[0])))

    def value_list(self, parts: list[Value]) -> tuple[Value, ...]:
        return tuple(parts)

    def subquery(self, parts: list[Query]) -> Query:
        return parts[0]

    def string(self, parts: list[Token]) -> Value:
        return Value("string", unquote(str(parts[0])[1:-1]))

    def number(self, parts: list[Token]) -> Value:
        return Value("number", float(parts[0]))

    def datetime(self, parts: list[Token]) -> Value:
        return Value("datetime", str(parts[0]))

    def date(self, parts: list[Token]) -> Value:
        return Value("date", str(parts[0]))

    def relative(self, parts: list[Token]) -> Value:
        return Value("relative", parts[0].upper())

    def true(self, _: Sequence[Any]) -> Value:
        return Value("boolean", value=True)

    def false(self, _: Sequence[Any]) -> Value:
        return Value("boolean", value=False)

    def null(self, _: Sequence[Any]) -> Value:
        return Value("null", None)

    def group_by(self, parts: list[Token]) -> tuple[Column, ...]:
        return tuple(_column(part) for part in parts)

    def order_by(self, parts: list[Ordering]) -> tuple[Ordering, ...]:
        return tuple(parts)

    def ordering(self, parts: list[Any]) -> Ordering:
        key, direction, nulls = parts
        return Ordering(
            key=key if isinstance(key, Aggregate) else _column(key),
            descending=direction is not None and direction.upper() == "DESC",
            nulls_first=nulls is None or nulls.upper().endswith("FIRST"),
        )

    def limit(self, parts: list[Token]) -> int:
        return int(parts[0])

    def offset(self, parts: list[Token]) -> int:
        return int(parts[0])

    def view(self, _: Sequence[Any]) -> None:
        return None

    def start(self, parts: list[Any]) -> Query:
        items, sobject, alias, where, group_by, order_by, limit, offset, _view = parts
        return Query(
            items=items,
            sobject=_column(sobject),
            alias=str(alias) if alias else None,
            where=where,
            group_by=group_by or (),
            order_by=order_by or (),
            limit=limit,
            offset=offset or 0,
        )


@cache
def _parser() -> Lark:
    """Built at the first query: it takes longer than all the rest of starting."""
    return Lark(_GRAMMAR, parser="lalr", start=["start", "condition"], maybe_placeholders=True)


@lru_cache(maxsize=256)
def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        ApiError: MALFORMED_QUERY, pointing at the place.
    """
    query: Query = _parse(text, "start")
    return replace(query, text=text)


@lru_cache(maxsize=256)
def parse_condition(text: str) -> Condition:
    """Parse what may stand after WHERE."""
    condition: Condition = _parse(text, "condition")
    return condition


def _parse(text: str, start: str) -> Any:
    try:
        return _Build().transform(_parser().parse(text, start=start))
    except UnexpectedInput as error:
        at = getattr(error, "pos_in_stream", None)
        at = len(text) if at is None or at < 0 else min(at, len(text))
        raise malformed(_complaint(text, at, error)) from None
    except VisitError as error:
        raise error.orig_exc from None


def _complaint(text: str, at: int, error: UnexpectedInput) -> str:
    token = getattr(error, "token", None)
    if at >= len(text) or str(getattr(token, "type", "")) == "$END":
        return pointed(text, len(text), "unexpected token: '<EOF>'")
    found = re.match(r"'(?:[^'\\]|\\.)*'|\w+|.", text[at:], re.DOTALL)
    return pointed(text, at, f"unexpected token: '{found[0] if found else text[at]}'")
