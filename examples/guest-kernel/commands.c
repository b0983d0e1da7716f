/* SPDX-License-Identifier: MIT */
/*
 * The commands one after another, whatever their order on the command line.
 */
#include "commands.h"

static bool names_a_command(const struct command_line *line)
{
    return line->info || line->sites || line->selftest || line->bench || line->crash != NULL ||
           line->shell;
}

int commands_run(const struct command_line *line)
{
    int status = 0;
    bool none = !names_a_command(line);
    stress_seconds = line->stress_seconds;
    storm_seconds = line->storm_seconds;
    wall_seconds = line->wall_seconds;
    if ((line->info || none) && info(line->json) != 0)
        status = 1;
    if (line->sites)
        sites();
    if (line->selftest && selftest(&line->tests) != 0)
        status = 1;
    if (line->bench && bench(&line->benches, line->json) != 0)
        status = 1;
    if (line->crash != NULL && crash(line->crash) != 0)
        status = 1;
    if ((line->shell || none) && shell(none) != 0)
        status = 1;
    return status;
}
