"""What a question asks for, told from its own words."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """The kind of thing that would answer."""

    PERCENT = "percent"
    MONEY = "money"
    QUANTITY = "quantity"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    ORGANISATION = "organisation"
    NAME = "name"
    LIST = "list"
    REASON = "reason"
    DEFINITION = "definition"
    HOW = "how"
    YES_NO = "yes_no"
    OTHER = "other"


# Kinds whose answer is a figure: a sentence without one is no answer at all.
MEASURED = frozenset({Kind.PERCENT, Kind.MONEY, Kind.QUANTITY})
# Kinds whose answer is a span that a pattern can recognise: a sentence without one can't answer.
TYPED = frozenset(
    {Kind.PERCENT, Kind.MONEY, Kind.QUANTITY, Kind.DATE, Kind.PERSON, Kind.ORGANISATION}
)

_PERSON_NOUN = (
    "人|书记|负责人|工程师|游客|主任|部长|局长|院长|校长|作者|记者|居民|村民|党员|经理|老师|医生"
    "|代表|同志|师傅|专家|教授|干部|队员|志愿者|主席|会长|市长|区长|县长|镇长"
)
_SUM = "贷|款|钱|资金|金额|产值|收入|税|费|投资|融资|营收|经费|预算|补贴|奖金|价"
_ZONE = "省|市|区|县|镇|乡|村|街道|社区|国家|国|城市|地区|地方|州|园区|景区|古镇|地"
_BODY = "公司|企业|单位|机构|部门|学校|大学|医院|银行|组织|局|集团|协会|商会|工厂|厂|委|厂家"
# Tried in this order on the folded question; the first that matches decides.
_CHINESE: tuple[tuple[Kind, str], ...] = (
    (Kind.DEFINITION, r"^(那么|请问)?(什么是|什么叫|啥叫|啥是|何谓)"),
    # 被称为什么 and 首都为何? ask what something is, not why.
    (Kind.REASON, r"(?<![称名分成作])为什么|为何(?!\s*[?。]*$)|为啥|因为什么|原因|凭什么|何以|怎么会"),
    (Kind.PERCENT, r"百分之(多少|几)|百分比|几成|(比例|占比|比重|增幅|增长率|率|增长了?|占(?!地)|压减了?|下降了?|提高了?)[^,。]{0,6}(多少|几)(?!个|家|名|人|件|项|元|亿|万|户|台|辆)"),
    (Kind.MONEY, rf"(多少|几)[^,。?]{{0,6}}(钱|元|{_SUM})|({_SUM})[^,。]{{0,8}}(多少|几何|有多大)"),
    (Kind.DATE, r"什么时候|何时|啥时候|什么时间|几点(?!建议|意见|要求|做法|经验|体会|启示|措施|共识|原因|[是为])|几时|哪一?个?(年|天|月|日)|几(月|号|日)|哪(几|些|两)年|什么日期|日期是"),
    (Kind.PERSON, rf"谁|哪一?(位|名)(?!列)|哪一?个人|什么人|姓名|姓什么|({_PERSON_NOUN})[^,。]{{0,4}}(叫什么|是哪|的名字)|(叫什么|什么名字)[^,。]{{0,2}}({_PERSON_NOUN})"),
    (Kind.LIST, r"哪些|哪几|有什么|有啥|包括什么|包含什么|什么和什么|分别(是|为|叫)(什么|谁)|都?有谁"),
    (Kind.QUANTITY, r"多少|几(?!乎|何|近)|多大|多高|多长|多远|多久|多宽|多重|数量|人数|第几"),
    (Kind.ORGANISATION, rf"(哪一?(家|个|所)?|什么|啥)({_BODY})|哪家"),
    (Kind.PLACE, rf"哪里|哪儿|在哪(?!一?(?:个|家|项|次|种|些|年|天))|何处|什么地方|啥地方|哪一?(个|座|处)?({_ZONE})(?!公司)|什么({_ZONE})(?=[?,。]|$)"),
    (Kind.NAME, r"叫个?什么|叫个?啥|啥名|什么名|名称是|名字是|称号|何种称号|名为|被称为|称作|哪一?(个|项|种|部|份|本|条|套)|什么(品牌|荣誉|行动|工程|模式|机制|平台|活动|产品|项目|文件|奖|制度|计划|主题|体系|牌子)"),
    (Kind.DEFINITION, r"是什么意思|什么是|什么叫|啥叫|指的?是?什么|何谓|是啥意思|什么含义"),
    (Kind.HOW, r"怎么|如何|怎样|咋|用什么(办法|方法|方式)|什么(办法|方法|方式|措施|做法)"),
    (Kind.YES_NO, r"吗[?]?$|是否|有没有|是不是|能不能|可不可以|会不会"),
)  # fmt: skip
_ENGLISH: tuple[tuple[Kind, str], ...] = (
    (Kind.REASON, r"\bwhy\b|\breason\b|\bhow come\b"),
    (Kind.PERCENT, r"\bpercent|\bper cent|\bwhat (share|proportion|percentage|fraction)\b"),
    (Kind.MONEY, r"\bhow much (money|did|does|was|were|in|is|has|have)\b|\b(cost|price|amount|value|worth|revenue)\b"),
    (Kind.QUANTITY, r"\bhow (many|much|long|far|large|big|tall|high|old|often)\b|\bnumber of\b"),
    (Kind.DATE, r"\bwhen\b|\b(what|which) (year|date|day|month|years)\b"),
    (Kind.PERSON, r"\bwho(se|m)?\b|\bwhat is the name of the (man|woman|person)\b"),
    (Kind.ORGANISATION, r"\b(which|what) (company|companies|organi[sz]ation|firm|bureau|department|agency|institution|school|university|bank|body)\b"),
    (Kind.PLACE, r"\bwhere\b|\b(which|what) (country|city|town|village|district|county|province|place|community|region|area|state)\b"),
    (Kind.LIST, r"\b(which|what) (are|were|two|three|four|five|kinds|types|other)\b|\blist\b|\bname the\b|\bwhich .*s\b"),
    (Kind.NAME, r"\bname of\b|\bcalled\b|\bnamed\b"),
    (Kind.DEFINITION, r"\bwhat does .* mean\b|\bmeaning of\b|\bwhat is an?\b"),
    (Kind.HOW, r"\bhow\b"),
    (Kind.YES_NO, r"^(is|are|was|were|do|does|did|has|have|can|could|will)\b"),
)  # fmt: skip
_COMPILED = {
    "zh": [(kind, re.compile(pattern)) for kind, pattern in _CHINESE],
    "en": [(kind, re.compile(pattern)) for kind, pattern in _ENGLISH],
}


def kind_of(folded: str, lang: str) -> Kind:
    """The kind of answer that a folded question asks for."""
    for kind, pattern in _COMPILED["en" if lang == "en" else "zh"]:
        if pattern.search(folded):
            return kind
    return Kind.OTHER
