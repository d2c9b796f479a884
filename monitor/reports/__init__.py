"""What leaves the house on paper or as a file: reports, tables, evidence packs.

It reads storage and pictures, knows neither networks nor judgement, and so serves pages and commands alike.
"""
