unit(themes/inert themes)
unit(themes/document themes)
