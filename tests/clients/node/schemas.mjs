// What all clients ask for alike.

import { z } from "zod";

export const TRIP = z.object({ city: z.string(), nights: z.int() });

export const WEATHER = z.object({ location: z.string(), unit: z.enum(["fahrenheit", "celsius"]) });

export const WEATHER_JSON = {
  type: "object",
  properties: { location: { type: "string" }, unit: { type: "string", enum: ["fahrenheit", "celsius"] } },
  required: ["location", "unit"],
};
