foreach(name h1parse origin relay identity frames)
  unit(http/${name} http)
endforeach()
foreach(name hosts route)
  unit(http/${name} http core)
endforeach()

unit(http/account http core)
