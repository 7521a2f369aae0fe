// The notifications process.

import { launchService } from "../launch-service.ts";
import { createMailerInMemory } from "./mailer.ts";
import { createNotifications } from "./service.ts";

await launchService(createNotifications(createMailerInMemory()));
