using System.Collections;
using System.CommandLine;

namespace Baton.Cli.Options;

/// <summary>Settings of the server, as verbs that start one take them.</summary>
internal static class SettingOptions
{
    public static Option<KeyValuePair<string, string>[]> Set()
    {
        var set = Values.Pairs("--set", "Setting of the server, such as Http:Url=http://127.0.0.1:8080; `baton config show` lists them.");
        set.HelpName = "SECTION:NAME=VALUE";
        return set;
    }

    /// <summary>The variables of this process.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Variables() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(entry => new KeyValuePair<string, string>((string)entry.Key, (string?)entry.Value ?? ""));
}
