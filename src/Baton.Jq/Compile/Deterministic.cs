namespace Baton.Jq.Compile;

/// <summary>What a deterministic program may not call: its answer, or its effect, is not set by its input.</summary>
internal static class Deterministic
{
    private static readonly HashSet<string> Refused =
    [
        "now/0", "localtime/0", "strflocaltime/1", "env/0", "input/0", "inputs/0", "debug/0", "debug/1", "stderr/0",
        "input_filename/0", "input_line_number/0", "get_search_list/0", "halt/0", "halt_error/0", "halt_error/1", "modulemeta/0",
    ];

    public static bool IsRefused(string signature) => Refused.Contains(signature);
}
