from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("custody", "0003_a_problem_on_the_road")]

    operations = [
        migrations.AddField(model_name="therapy", name="held_since", field=models.DateTimeField(null=True)),
        migrations.AddIndex(
            model_name="therapy",
            index=models.Index(
                condition=Q(("held_since__isnull", False)), fields=["held_since", "id"], name="therapy_held"
            ),
        ),
    ]
