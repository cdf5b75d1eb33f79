using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Baton.Cli.Output;

namespace Baton.Cli.Verbs;

/// <summary>`baton version`</summary>
internal static class VersionVerb
{
    public static string Version { get; } =
        typeof(VersionVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static Command Create()
    {
        var command = new Command("version", "Print the version of this program and what it runs on.");
        command.SetAction(parsed =>
        {
            var console = OutputOptions.Console(parsed);
            if (console.IsJson)
            {
                console.Json(new JsonObject
                {
                    ["version"] = Version,
                    ["runtime"] = RuntimeInformation.FrameworkDescription,
                    ["platform"] = RuntimeInformation.RuntimeIdentifier,
                });
                return;
            }
            console.Line($"baton {Version} ({RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier})");
        });
        return command;
    }
}
