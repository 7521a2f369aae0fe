// The notifications process.

import { launchService } from "../launch-service.ts";
import { mailTables } from "./outgoing-mail.ts";
import { createNotifications } from "./service.ts";

await launchService(createNotifications, { tables: mailTables });
