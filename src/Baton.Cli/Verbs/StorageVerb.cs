using System.CommandLine;
using System.Globalization;
using Baton.Cli.Api;

namespace Baton.Cli.Verbs;

/// <summary>`baton storage`: what a server keeps, how much room it takes, and for how long.</summary>
internal static class StorageVerb
{
    public static Command Create()
    {
        var api = new ApiOptions();
        var command = api.AddTo(new Command("storage", "Show what the server keeps: sizes, rows, and how long each kind stays."));
        api.SetAction(command, async call =>
        {
            var storage = (await call.Client.GetAsync("storage", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(storage);
                return;
            }
            call.Console.Fields(("Records", $"{storage["database"]}"), ("Size", storage["databaseBytes"] is { } bytes ? Size((long)bytes) : null));
            call.Console.Line("");
            call.Console.Table(["FILE", "SIZE"], storage["files"]!.AsArray().Select(file => new[] { $"{file!["name"]}", Size((long)file["bytes"]!) }));
            call.Console.Line("");
            call.Console.Table(["TABLE", "ROWS"], storage["tables"]!.AsArray().Where(table => (long)table!["rows"]! > 0).Select(table => new[] { $"{table!["name"]}", $"{table["rows"]}" }));
            call.Console.Line("");
            call.Console.Table(["KIND", "STAYS", "SETTING"], storage["retention"]!.AsArray().Select(rule => new[] { $"{rule!["kind"]}", $"{rule["keeps"]}", $"{rule["setting"]}" }));
        });
        return command;
    }

    internal static string Size(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        < 1024 * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.0} GiB"),
    };
}
