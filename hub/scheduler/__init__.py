"""What is on the path of Airflow's scheduler alone."""
