foreach(name err pool text buf clock log json_read json_write codec digest file name)
  unit(core/${name} core)
endforeach()
