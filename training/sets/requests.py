"""What people ask an assistant for: CLINC150 and HWU64, by intent and by domain."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections import defaultdict
from pathlib import Path

from training.examples import LabelledText, Task

TEMPLATES = (
    "This is a request about {}.",
    "The user asks about {}.",
    "The user's intent is {}.",
    "The intent is {}.",
    "The speaker wants {}.",
    "This request is about {}.",
    "The user wants help with {}.",
)

# Intents whose names say too little as they stand.
_CLINC = {
    "apr": ("annual percentage rate", "credit card APR"),
    "pto_request": ("requesting paid time off", "asking for vacation days"),
    "pto_request_status": ("status of a paid time off request", "vacation request status"),
    "pto_balance": ("paid time off balance", "remaining vacation days"),
    "pto_used": ("paid time off used", "vacation days already taken"),
    "w2": ("W-2 tax form", "w2 form"),
    "mpg": ("miles per gallon", "fuel consumption of the car"),
    "uber": ("booking a ride", "calling a taxi"),
    "gas": ("fuel level", "gas in the tank"),
    "gas_type": ("type of gas the car needs", "gas type"),
    "text": ("sending a text message", "text message"),
    "date": ("today's date", "date"),
    "time": ("current time", "what time it is"),
    "yes": ("agreement", "saying yes"),
    "no": ("refusal", "saying no"),
    "maybe": ("being unsure", "maybe"),
    "food_last": ("how long food keeps", "shelf life of food"),
    "how_busy": ("how busy a restaurant is", "waiting time at a restaurant"),
    "routing": ("bank routing number", "routing number"),
    "transfer": ("transferring money", "money transfer"),
    "order": ("placing an order", "ordering something"),
    "order_checks": ("ordering checks", "checkbook order"),
    "transactions": ("recent transactions", "transactions"),
    "income": ("salary", "income"),
    "vaccines": ("vaccines for travel", "vaccination"),
    "carry_on": ("carry-on luggage rules", "hand luggage"),
    "repeat": ("asking to say it again", "repeat"),
    "cancel": ("cancelling", "never mind"),
    "meaning_of_life": ("the meaning of life",),
    "smart_home": ("smart home devices", "controlling devices at home"),
    "rollover_401k": ("401k rollover", "moving a retirement account"),
}
_CLINC_DOMAINS = {
    "banking": ("banking", "bank accounts"),
    "credit_cards": ("credit cards",),
    "kitchen_and_dining": ("food and restaurants", "kitchen and dining", "cooking and eating out"),
    "home": ("home and household", "home"),
    "auto_and_commute": ("cars and commuting", "driving", "auto and commute"),
    "travel": ("travel", "trips and tourism"),
    "utility": ("everyday tools", "utility"),
    "work": ("work", "job and human resources"),
    "small_talk": ("small talk", "chatting"),
    "meta": ("settings of the assistant",),
}
_HWU = {
    "alarm_query": ("asking which alarms are set", "alarm query"),
    "alarm_remove": ("removing an alarm", "turning off an alarm"),
    "alarm_set": ("setting an alarm", "wake-up alarm"),
    "audio_volume_down": ("turning the volume down", "lower volume"),
    "audio_volume_mute": ("muting the sound", "mute"),
    "audio_volume_up": ("turning the volume up", "higher volume"),
    "calendar_query": ("checking the calendar", "asking about appointments"),
    "calendar_remove": ("removing a calendar event", "cancelling an appointment"),
    "calendar_set": ("adding a calendar event", "scheduling an event"),
    "cooking_recipe": ("cooking recipe", "how to cook something"),
    "datetime_convert": ("converting between time zones", "time zone conversion"),
    "datetime_query": ("date and time", "asking for the date or time"),
    "email_addcontact": ("adding a contact", "saving an email address"),
    "email_query": ("checking email", "new emails"),
    "email_querycontact": ("looking up a contact", "contact details"),
    "email_sendemail": ("sending an email", "replying to an email"),
    "general_affirm": ("confirming that it was right", "affirmation"),
    "general_commandstop": ("stopping the assistant", "stop command"),
    "general_confirm": ("asking for confirmation", "checking that it was understood"),
    "general_dontcare": ("not caring", "indifference"),
    "general_explain": ("asking for an explanation", "clarification"),
    "general_joke": ("telling a joke", "joke"),
    "general_negate": ("saying that it was wrong", "correcting a mistake"),
    "general_praise": ("praise", "saying thanks for good work"),
    "general_repeat": ("repeating what was said", "say again"),
    "iot_cleaning": ("vacuum cleaning", "cleaning robot"),
    "iot_coffee": ("making coffee", "coffee machine"),
    "iot_hue_lightchange": ("changing the colour of the lights", "light color"),
    "iot_hue_lightdim": ("dimming the lights",),
    "iot_hue_lightoff": ("turning the lights off", "lights off"),
    "iot_hue_lighton": ("turning the lights on", "lights on"),
    "iot_hue_lightup": ("making the lights brighter",),
    "iot_wemo_off": ("turning a socket off", "smart plug off"),
    "iot_wemo_on": ("turning a socket on", "smart plug on"),
    "lists_createoradd": ("adding to a list", "making a list"),
    "lists_query": ("asking what is on a list", "list contents"),
    "lists_remove": ("removing from a list", "deleting a list"),
    "music_likeness": ("liking or disliking a song", "music taste"),
    "music_query": ("asking about a song", "which song is playing"),
    "music_settings": ("music player settings", "shuffle or repeat music"),
    "news_query": ("news", "headlines"),
    "play_audiobook": ("playing an audiobook", "audiobook"),
    "play_game": ("playing a game", "game"),
    "play_music": ("playing music", "music"),
    "play_podcasts": ("playing a podcast", "podcast"),
    "play_radio": ("playing the radio", "radio station"),
    "qa_currency": ("currency exchange rates", "currency"),
    "qa_definition": ("definition of a word", "meaning of a word"),
    "qa_factoid": ("facts about the world", "general knowledge"),
    "qa_maths": ("arithmetic", "maths"),
    "qa_stock": ("stock prices", "stock market"),
    "recommendation_events": ("events nearby", "recommendation of events"),
    "recommendation_locations": ("places nearby", "recommendation of places"),
    "recommendation_movies": ("movie recommendation", "films to watch"),
    "social_post": ("posting on social media", "complaint on social media"),
    "social_query": ("news from social networks", "social media updates"),
    "takeaway_order": ("ordering food", "takeaway order"),
    "takeaway_query": ("food delivery", "asking about takeaway"),
    "transport_query": ("train times and directions", "public transport"),
    "transport_taxi": ("booking a taxi", "taxi"),
    "transport_ticket": ("buying a train ticket", "train ticket"),
    "transport_traffic": ("traffic", "traffic jams"),
    "weather_query": ("weather", "weather forecast"),
}
_HWU_LEFT_OUT = {"general_quirky"}  # a rest: no words name it
_HWU_SCENARIOS = {
    "alarm": ("alarms",),
    "audio": ("sound volume",),
    "calendar": ("calendar and appointments", "calendar"),
    "cooking": ("cooking",),
    "datetime": ("date and time",),
    "email": ("email",),
    "iot": ("smart home", "household devices"),
    "lists": ("lists",),
    "music": ("music",),
    "news": ("news",),
    "play": ("entertainment", "playing media"),
    "qa": ("general knowledge", "questions of fact"),
    "recommendation": ("recommendations",),
    "social": ("social media",),
    "takeaway": ("takeaway food",),
    "transport": ("transport", "getting around"),
    "weather": ("weather",),
}


def read_tasks(data: Path) -> list[Task]:
    """Intents and domains of both sets."""
    return [*_clinc(data / "cls_clinc150"), *_hwu(data / "cls_hwu64")]


def _clinc(folder: Path) -> list[Task]:
    domains: dict[str, list[str]] = json.loads((folder / "domains.json").read_text("utf-8"))
    domain_of = {intent: domain for domain, intents in domains.items() for intent in intents}
    with gzip.open(folder / "data_full.json.gz", "rt", encoding="utf-8") as file:
        parts: dict[str, list[tuple[str, str]]] = json.load(file)
    rows = [(text, intent) for part in ("train", "val", "test") for text, intent in parts[part]]
    outside = [text for part in ("oos_train", "oos_val", "oos_test") for text, _ in parts[part]]
    phrasings = {intent: _CLINC.get(intent, (intent.replace("_", " "),)) for intent in domain_of}
    kin = {
        intent: tuple(other for other in domains[domain] if other != intent)
        for intent, domain in domain_of.items()
    }
    texts = [LabelledText(text, (intent,)) for text, intent in rows]
    texts += [LabelledText(text, ()) for text in outside]
    return [
        Task("clinc_intents", "cls_clinc150", texts, phrasings, TEMPLATES, kin, quota=4500, cap=150),
        Task(
            "clinc_domains",
            "cls_clinc150",
            [LabelledText(text, (domain_of[intent],)) for text, intent in rows],
            _CLINC_DOMAINS,
            TEMPLATES,
            quota=900,
        ),
    ]


def _hwu(folder: Path) -> list[Task]:
    rows: list[tuple[str, str, str]] = []
    with tarfile.open(folder / "kfold1_trainset_testset_csv.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            name = Path(member.name)
            if name.suffix != ".csv" or name.name.startswith("."):
                continue
            file = archive.extractfile(member)
            if file is None:
                continue
            lines = io.TextIOWrapper(file, encoding="utf-8", newline="")
            for row in csv.DictReader(lines, delimiter=";"):
                text = (row["answer_from_user"] or row["answer_from_anno"] or "").strip()
                if text and name.stem not in _HWU_LEFT_OUT:
                    rows.append((text, row["scenario"], name.stem))
    scenarios = defaultdict(list)
    for intent in _HWU:
        scenarios[intent.split("_")[0]].append(intent)
    kin = {
        intent: tuple(other for other in scenarios[intent.split("_")[0]] if other != intent)
        for intent in _HWU
    }
    return [
        Task(
            "hwu_intents",
            "cls_hwu64",
            [LabelledText(text, (intent,)) for text, _, intent in rows],
            _HWU,
            TEMPLATES,
            kin,
            quota=2500,
            cap=200,
        ),
        Task(
            "hwu_scenarios",
            "cls_hwu64",
            [LabelledText(text, (scenario,)) for text, scenario, _ in rows if scenario in _HWU_SCENARIOS],
            _HWU_SCENARIOS,
            TEMPLATES,
            quota=900,
        ),
    ]
