"""Spans of a folded sentence that could be a short answer of a kind, by pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.answering.kinds import MEASURED, Kind
from rag.text import Span, is_mostly_latin

_UNIT = (
    "个百分点|百分点|平方公里|平方千米|平方米|立方米|公里|千米|厘米|毫米|公顷|公斤|千克|小时|分钟|人次|台次|车次|"
    "美元|欧元|日元|港元|元|块钱|台车次|年|月|日|天|周|秒|岁|倍|度|成|"
    "个|家|名|位|人|件|项|条|所|座|支|台|辆|套|间|户|亩|吨|斤|米|级|等|期|批|届|种|类|场|处|份|张|头|只|棵|株|部|册|篇|本|字|页|门|站|层|栋|艘|架|枚|颗|对|双|组|队|班|节|轮|号|大|强|类|村|镇|县|区|市"
)
_SCALE = "[十百千万亿]"
_ZH_DIGITS = "[一二两三四五六七八九十百千万亿零〇]"
_BEFORE = "(?:第|约|近|超过|超|逾|至少|不少于|不低于|大约|将近|突破|达|共)?"
_AFTER = "(?:以上|以下|以内|左右|上下)?"
_NUMBER = rf"\d[\d,]*(?:\.\d+)?\s*(?:余|多)?\s*{_SCALE}*\s*(?:余|多)?"
_QUANTITY = re.compile(
    rf"(?:{_BEFORE}{_NUMBER}\s*(?:%|{_UNIT})?(?:余|多)?{_AFTER}"
    rf"|{_BEFORE}(?![零百千万亿]){_ZH_DIGITS}+(?:余|多)?(?:{_UNIT}){_AFTER}"
    rf"|第{_ZH_DIGITS}+)"
)
_PERCENT = re.compile(rf"{_BEFORE}(?:\d[\d,.]*\s*(?:%|个?百分点|percent|per cent)|百分之{_ZH_DIGITS}+|{_ZH_DIGITS}成){_AFTER}")  # fmt: skip
_MONEY = re.compile(
    rf"{_BEFORE}{_NUMBER}\s*(?:余|多)?(?:美元|欧元|日元|港元|元|块钱|块){_AFTER}"
    rf"|(?:rmb|cny|usd|us\$|\$|¥|€)\s*\d[\d,.]*(?:\s*(?:thousand|million|billion|trillion))?"
    rf"|\d[\d,.]*(?:\s*(?:thousand|million|billion|trillion))?\s*(?:yuan|rmb|dollars?|euros?)"
)
_MONTHS = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"  # fmt: skip
_DATE = re.compile(
    r"(?:19|20)\d\d年(?:(?:\d{1,2}|[一二三四五六七八九十]+)月(?:\d{1,2}[日号])?|初|底|末|年初|春节)?"
    r"|[一二]\s*[〇零○九][〇零○一二三四五六七八九]{2}年(?:[一二三四五六七八九十]+月)?"
    r"|(?:今|去|前|明)年(?:\d{1,2}月(?:\d{1,2}[日号])?|初|底|春节)?"
    r"|\d{1,2}月\d{1,2}[日号]|\d{1,2}月份?|(?<!\d)\d{1,2}日(?!元)"
    r"|(?:19|20)\d\d[-/.]\d{1,2}(?:[-/.]\d{1,2})?"
    rf"|(?:\d{{1,2}}\s+)?(?:{_MONTHS})\.?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:(?:19|20)\d\d)?"
    r"|\b(?:1[5-9]|20)\d\d\b|公元前?\d+年|\d{1,4}年"
)
_EN_QUANTITY = re.compile(
    r"(?:(?:more|fewer|less) than |over |about |around |nearly |almost |some )?"
    r"(?:\d[\d,]*(?:\.\d+)?|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|one hundred)\b)"
    r"(?:\s*(?:percent|per cent|%|thousand|million|billion|trillion|hundred))*(?:\s+(?:yuan|dollars|euros|kilomet(?:re|er)s|km|mu)\b)?"
)  # fmt: skip
COMMON_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
SURNAMES = COMMON_SURNAMES + (
    "简庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲阳裴席卫查屈鲍覃霍翁隋植甘景薄包司柏宁柯阮桂闵强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟褚廉简娄盖符奚木穆燕郎邸冀谈姬屠连郜晏栾郁蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝巩稽井练仲乐虞卞封竺冼官衣楚佟栗匡宗巫鞠僧桑荆谌银扬沙薄伏岑习胥保蔺水"
)
_TITLE = (
    "书记|主任|部长|局长|院长|校长|市长|区长|县长|镇长|乡长|村长|处长|科长|厅长|省长|总理|总统|主席|会长|秘书长|理事长|董事长|总裁|总经理|经理|"
    "工程师|记者|游客|村民|居民|教授|博士|专家|负责人|代表|委员|队长|组长|站长|所长|行长|厂长|馆长|园长|老师|医生|导演|演员|球员|教练|选手|"
    "党员|职工|员工|工人|司机|学生|创始人|发言人|作者|先生|女士|同志|师傅|大使|上将|少将|将军"
)
_SPEECH = "说|表示|介绍|告诉|称|认为|指出|坦言|回忆|透露|强调|解释|谈到|感慨|补充|回应|撰文|担任|出任|当选|任"
_NAME_END = rf"(?=[,。、;:?!()（）“”\"\s/]|$|{_SPEECH}|的|和|与|是|正|在|等|及|也|就|都|将|向|从|带|对|因|有|把|不|还|又|则|曾|被|让|给|到|以|为|于|而|便|仍|已)"
_PERSON = re.compile(
    rf"(?<![\d几数两])[{SURNAMES}][\u4e00-\u9fff]{{1,2}}?{_NAME_END}"
    rf"|[\u4e00-\u9fff]{{1,8}}(?:·[\u4e00-\u9fff]{{1,8}})+"
)
# What an English name of a person neither ends in nor follows.
NO_PERSON = re.compile(
    r"\b(?:Town|Community|Communities|District|County|Village|Street|Museum|Park|Company|City|Province|University|Bureau|Office|Committee|Party|Subdistrict|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
)
TITLE = re.compile(_TITLE)
TITLED = re.compile(rf"(?:{_TITLE})$")
SPEAKING = re.compile(rf"(?:{_SPEECH})")
_BODY_SUFFIX = (
    "有限责任公司|股份有限公司|有限公司|分公司|公司|集团|工业园|产业园|管理委员会|管委会|委员会|工委|区委|市委|县委|省委|党委|工作部|"
    "社会工作部|发展和改革局|改革局|局|部|厅|法院|检察院|大学|学院|医院|银行|研究院|研究所|中心|协会|商会|学会|联合会|基金会|报社|电视台|分厂|工厂|俱乐部|街道办事处|办事处|服务站"
)
_BODY = re.compile(rf"[\u4e00-\u9fffa-z0-9()（）]{{2,24}}?(?:{_BODY_SUFFIX})(?![\u4e00-\u9fff]{{0,2}}(?:{_BODY_SUFFIX}))")  # fmt: skip
_PLACE = re.compile(
    r"[\u4e00-\u9fff]{2,7}?(?:特别行政区|自治区|自治州|街道|社区|园区|景区|古镇|省|市|区|县|镇|乡|村|岛|山|河|湖|国|州|路|港)"
)
_QUOTED = re.compile(r"[“\"「『《]([^“”\"「」『』《》]{1,30})[”\"」』》]")
_EN_NAME = re.compile(r"(?:[A-Z][\w'’-]+)(?:\s+(?:of|the|and|de|&)?\s*[A-Z][\w'’-]+)*")
_ENUMERATION = re.compile(r"[^,。;:、!?()（）“”]{1,20}(?:、[^,。;:、!?()（）]{1,24})+(?:(?:和|以及|及|与)[^,。;:、!?()（）等]{1,20})?")  # fmt: skip


_HAN = re.compile("[\u4e00-\u9fff]")
_FIGURES = MEASURED | {Kind.DATE}


def candidates(kind: Kind, folded: str, original: str) -> Iterator[Span]:
    """Spans of `folded` that could answer a question of `kind`, left to right.

    `original` is the sentence before folding when folding kept its length, else `folded`
    itself; English names are told by their capitals, which only the original has.
    """
    # Figures are told by what stands beside them, names of either language by their own signs.
    english = is_mostly_latin(folded) if kind in _FIGURES else _HAN.search(folded) is None
    pattern = _ENGLISH.get(kind) if english else _CHINESE.get(kind)
    if pattern is None:
        return
    text = original if pattern is _EN_NAME else folded
    for match in pattern.finditer(text):
        start, end = match.span(1) if match.re.groups == 1 else match.span()
        while start < end and text[start].isspace():
            start += 1
        while start < end and (text[end - 1].isspace() or text[end - 1] in ",."):
            end -= 1
        if start < end:
            yield start, end


_CHINESE = {
    Kind.QUANTITY: _QUANTITY,
    Kind.PERCENT: _PERCENT,
    Kind.MONEY: _MONEY,
    Kind.DATE: _DATE,
    Kind.PERSON: _PERSON,
    Kind.PLACE: _PLACE,
    Kind.ORGANISATION: _BODY,
    Kind.NAME: _QUOTED,
    Kind.LIST: _ENUMERATION,
}
_ENGLISH = {
    Kind.QUANTITY: _EN_QUANTITY,
    Kind.PERCENT: _PERCENT,
    Kind.MONEY: _MONEY,
    Kind.DATE: _DATE,
    Kind.PERSON: _EN_NAME,
    Kind.PLACE: _EN_NAME,
    Kind.ORGANISATION: _EN_NAME,
    Kind.NAME: _EN_NAME,
}
