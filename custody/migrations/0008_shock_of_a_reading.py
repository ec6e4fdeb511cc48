from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("custody", "0007_oversight")]

    operations = [
        migrations.AddField(model_name="reading", name="shock_g", field=models.SmallIntegerField(null=True)),
        migrations.AddField(model_name="readingconflict", name="shock_g", field=models.SmallIntegerField(null=True)),
    ]
