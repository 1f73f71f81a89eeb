"""The chip: an imperfect analog substrate, its calibration, traces recorded on one."""
