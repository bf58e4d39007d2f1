unit(themes/inert themes)
