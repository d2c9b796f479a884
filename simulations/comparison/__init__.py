"""Everything Forest et al. 2024 compare, on the same photos by the same code: `crackmonitor benchmark`.

Tables 1 to 5 and figures 2 and 5 to 10 of doi:10.1016/j.autcon.2024.105497, with our networks and data.
"""
