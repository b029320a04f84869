"""KPIs: the marts and their refresh, the lines they are measured against, the dictionary. Inside no Prefect."""
