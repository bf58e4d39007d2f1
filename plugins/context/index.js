'use strict';
function createContext() {
  return { module: null, use() {}, async flush() {} };
}
module.exports = { createContext };
