// Due dates in words, as the server writes them, in this browser's time zone.

import { dates, filled } from "./language.js";

const DAY = 86_400_000;
// Days ahead that are called by their weekday.
const WEEK = 6;

// Today as YYYY-MM-DD.
export function today(now = new Date()) {
  return dayOf(now);
}

// When that is: {words, told, day, time, late, today}, or null for what is no date.
export function due(value, now = new Date()) {
  if (!value) return null;
  const moment = value.length > 10 ? new Date(value) : null;
  if (moment && isNaN(moment)) return null;
  const day = moment ? dayOf(moment) : value;
  const time = moment && `${two(moment.getHours())}:${two(moment.getMinutes())}`;
  const here = today(now);
  const date = near(day, here);
  const words = time ? filled(dates.due_time, { date, time }) : date;
  const late = moment ? moment < now : day < here;
  return {
    words,
    // The same, or that it is overdue and since when.
    told: late ? filled(dates.overdue, { due: words }) : words,
    day,
    time,
    late,
    today: day === here,
  };
}

// What is stored for a day and perhaps a time of day of this reader: with the offset that holds then.
export function valueOf(day, time) {
  if (!day || !time) return day || null;
  const minutes = -new Date(`${day}T${time}`).getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${day}T${time}:00${minutes < 0 ? "-" : "+"}${two(hours)}:${two(rest)}`;
}

function near(day, here) {
  const ahead = Math.round((Date.parse(day) - Date.parse(here)) / DAY);
  const named = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[ahead];
  if (named) return dates[named];
  const date = new Date(`${day}T12:00`);
  if (ahead > 1 && ahead <= WEEK) return dates.weekdays_long[(date.getDay() + 6) % 7];
  const form = day.slice(0, 4) === here.slice(0, 4) ? dates.day : dates.day_year;
  return filled(form, {
    day: date.getDate(),
    month: dates.months[date.getMonth()],
    year: String(date.getFullYear()),
  });
}

function dayOf(date) {
  const year = String(date.getFullYear()).padStart(4, "0");
  return `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
