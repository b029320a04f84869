"""The words of the sample: names, tags, products, answers to the consent question. No logic."""

from __future__ import annotations

SURNAMES = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖"
    "贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
COMPOUND_SURNAMES = ("欧阳", "上官", "诸葛", "司马", "司徒", "东方", "皇甫", "尉迟", "夏侯", "慕容", "令狐", "端木")
GIVEN_FEMALE = tuple("芳娜敏静秀丽艳娟霞玲桂兰燕萍红梅琳雪莹倩婷颖洁琪瑶怡欣悦妍蕾薇雯佳慧晶璐思涵雨桐梦诗语嫣")
GIVEN_MALE = tuple("伟强磊军勇涛杰斌鹏辉刚健明亮超峰龙飞凯浩宇轩博文俊豪志泽晨旭阳昊子墨睿建国海波东林宁晓")
TRADITIONAL_SURNAMES = tuple("陳黃張劉楊趙吳鄭馮譚葉蘇羅盧鍾鄧")
TRADITIONAL_GIVEN = ("美玲", "家豪", "志偉", "淑芬", "嘉欣", "俊傑", "雅婷", "詠詩", "國強", "佩儀", "冠廷", "麗華")
LATIN_NAMES = ("Lily Chen", "Ｔｏｍ", "Ｊａｃｋ　Ｗａｎｇ", "Amy", "Kelvin Wong", "ＬＩＬＹ")
NEUTRAL_TITLES = ("总", "老师", "经理", "医生")

GENDER_WORDS = (("女", "女", "F", "女士", "female"), ("男", "男", "M", "先生", "male"))
UNKNOWN_GENDER = ("", "", "未知")

TAGS = (
    "", "", "", "VIP", "新客", "老客", "金卡会员", "银卡会员", "企业客户", "VIP;母婴", "母婴；新客", "火锅|套餐",
    "亲子、周末", "VIP,储值", "团购,夜宵", "外卖", "堂食", "生日券;堂食", "家电、安装",
)  # fmt: skip

# Index 0..3: nothing said, Chinese as written on the mainland, traditional Chinese, English.
LANGUAGE_WORDS = (("", "", ""), ("简体", "zh-Hans", "中文"), ("繁体", "繁體中文", "zh-Hant"), ("英文", "English", "en"))

GRANTED, NONE, DENIED = 0, 1, 2  # from the least to the most restrictive: merging takes the maximum
CONSENT_WORDS = (("是", "是", "同意", "Y", "1"), ("", "", "", "", ""), ("否", "否", "不同意", "N", "拒绝"))
CONSENT_SOURCES = ("门店扫码", "小程序注册", "官网注册", "会员入会表", "线下活动", "客服电话")
CONSENT_PURPOSES = ("营销短信", "会员优惠营销短信", "促销活动短信")

NOT_A_NUMBER = ("微信联系", "待补录", "见备注", "本人未提供", "电话同上", "WeChat", "保密")
# What is written, and how many digits follow. +1 310 reads like a prefix of China Unicom once its plus is dropped.
FOREIGN_HEADS = (
    ("+1 310 ", 7), ("+1-212-", 7), ("+44 7911 ", 6), ("+81-90-", 8), ("+82 10 ", 8), ("+65 8", 7), ("0061 4", 8),
    ("001312", 7), ("+49 151 ", 8),
)  # fmt: skip
# Heads of IoT cards (13 digits) and of satellite phones (1749, 11 digits), with the digits that follow.
IOT_HEADS = (
    ("14000", 8), ("14100", 8), ("14400", 8), ("14600", 8), ("14800", 8), ("10646", 8), ("10648", 8), ("10649", 8),
    ("1749", 7),
)  # fmt: skip

PRODUCTS = (
    "双人套餐", "四人家庭套餐", "招牌酸菜鱼", "鸳鸯火锅", "下午茶", "儿童餐", "生日蛋糕", "精品咖啡", "商务午餐",
    "烤鸭半只", "储值卡充值", "婴儿奶粉三段", "纸尿裤L", "待产包", "孕妇营养品", "早教体验课", "儿童推车", "净水器",
    "空气净化器", "洗衣液家庭装", "纯棉毛巾", "保温杯", "运动鞋", "春季外套", "护手霜", "坚果礼盒", "零食大礼包",
    "蓝牙耳机",
)  # fmt: skip

EVENT_WORDS = {"appointment": "预约", "installation": "安装", "visit": "到店"}
EVENT_DETAILS = {
    "appointment": ("试吃预约", "上门测量", "早教体验课", "会员日到店"),
    "installation": ("净水器安装", "空气净化器安装", "儿童座椅安装"),
    "visit": ("堂食", "自提", "咨询", "领券"),
}
DO_NOT_CONTACT_REASONS = ("客户要求", "短信退订", "投诉", "法务要求")
