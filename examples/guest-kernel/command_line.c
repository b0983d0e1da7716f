/* SPDX-License-Identifier: MIT */
/*
 * The command line: words, some with a list behind an equals sign.
 */
#include "commands.h"
#include "console.h"
#include "cpu.h"
#include "string.h"

static void split_list(char *text, struct name_list *list)
{
    list->count = 0;
    while (*text != '\0' && list->count < LIST_MOST) {
        list->names[list->count++] = text;
        while (*text != '\0' && *text != ',' && *text != '+')
            text++;
        if (*text != '\0')
            *text++ = '\0';
    }
}

bool list_wants(const struct name_list *list, const char *name)
{
    for (unsigned i = 0; i < list->count; i++)
        if (same_text(list->names[i], name))
            return true;
    return list->count == 0;
}

#define MOST_SECONDS 86400u
/* One more digit fits. */
#define MOST_TENTHS 400000000u

static unsigned number_in(const char *digits, unsigned most)
{
    unsigned number = 0;
    while (*digits >= '0' && *digits <= '9' && number <= most)
        number = number * 10 + (unsigned)(*digits++ - '0');
    return number;
}

/* What is read elsewhere: by the library, and by checks that can take long. */
static bool is_read_elsewhere(const char *word)
{
    const char *value;
    return same_text(word, "nopv") || same_text(word, "long") || same_text(word, "softreset") ||
           after_prefix(word, "backend=", &value) || after_prefix(word, "detect=", &value) ||
           after_prefix(word, "kvm=", &value) || after_prefix(word, "events=", &value) ||
           after_prefix(word, "smp=", &value) || after_prefix(word, "upcall=", &value) ||
           after_prefix(word, "unplug=", &value) || after_prefix(word, "vcpu-info=", &value);
}

static bool *flag_of(struct command_line *line, const char *word)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = {{"info", &line->info},   {"sites", &line->sites}, {"selftest", &line->selftest},
                 {"bench", &line->bench}, {"shell", &line->shell}, {"json", &line->json}};
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (same_text(word, flags[i].word))
            return flags[i].flag;
    return NULL;
}

static void take_word(char *word, struct command_line *line)
{
    const char *value;
    bool *flag = flag_of(line, word);
    if (flag != NULL)
        *flag = true;
    else if (after_prefix(word, "test=", &value))
        split_list(word + (value - word), &line->tests);
    else if (after_prefix(word, "bench=", &value))
        split_list(word + (value - word), &line->benches);
    else if (after_prefix(word, "crash=", &value))
        line->crash = value;
    else if (after_prefix(word, "maxcpus=", &value))
        line->most_cpus = number_in(value, MOST_CPUS);
    else if (after_prefix(word, "stress=", &value))
        line->stress_seconds = number_in(value, MOST_SECONDS);
    else if (after_prefix(word, "storm=", &value))
        line->storm_seconds = number_in(value, MOST_SECONDS);
    else if (after_prefix(word, "wall=", &value))
        line->wall_seconds = number_in(value, MOST_TENTHS);
    else if (!is_read_elsewhere(word))
        print("# not a word of the command line: %s\n", word);
}

void command_line_parse(char *text, struct command_line *line)
{
    *line = (struct command_line){.most_cpus = MOST_CPUS};
    while (*text != '\0') {
        while (*text == ' ' || *text == '\t')
            text++;
        char *word = text;
        while (*text != '\0' && *text != ' ' && *text != '\t')
            text++;
        if (*text != '\0')
            *text++ = '\0';
        if (*word != '\0')
            take_word(word, line);
    }
}
