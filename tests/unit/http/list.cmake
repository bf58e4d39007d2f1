foreach(name h1parse origin relay identity frames)
  unit(http/${name} http)
endforeach()
