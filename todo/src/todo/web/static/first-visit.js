// A page that was written before the server knew this browser's time zone is written again.

import { tellZone } from "./js/time-zone.js";

if (tellZone()) location.reload();
