from django.db import migrations, models


def make_room(apps, schema_editor):
    """The rank is the place in the list of kinds: those after the new kind move down by one."""
    _move(apps, 1)


def take_room_back(apps, schema_editor):
    _move(apps, -1)


def _move(apps, by):
    rows = apps.get_model("custody", "CustodyException").objects
    rows.filter(kind__in=["excursion", "deviation", "not_proven"]).update(rank=models.F("rank") + by)


class Migration(migrations.Migration):
    dependencies = [
        ("custody", "0002_lists_read_off_an_index"),
    ]

    operations = [
        migrations.AlterField(
            model_name="custodyexception",
            name="kind",
            field=models.CharField(
                choices=[
                    ("identity_stop", "Identity stop"),
                    ("out_of_specification", "Out of specification"),
                    ("custody_gap", "Gap in custody"),
                    ("transport_problem", "Transport problem"),
                    ("excursion", "Excursion"),
                    ("deviation", "Out of limits"),
                    ("not_proven", "Not proven"),
                ],
                max_length=24,
            ),
        ),
        migrations.RunPython(make_room, take_room_back),
    ]
