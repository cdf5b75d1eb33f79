using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Data.Tools;
using Baton.Server.Errors;
using Baton.Server.Settings;

namespace Baton.Cli.Verbs;

/// <summary>`baton db`: works on the databases themselves, without a server.</summary>
internal static class DbNoun
{
    public static Command Create()
    {
        var target = new Target();
        return target.AddTo(new Command("db", "Look after the databases: migrations, backup, restore, move to PostgreSQL.")
        {
            Status(target),
            Migrate(target),
            Backup(target),
            Restore(target),
            Move(target),
        });
    }

    private static Command Status(Target target)
    {
        var command = new Command("status", "Show where records are, which migrations they have, and the rows and hash of each table.");
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var status = await console.WaitAsync("counting", () => DataTools.StatusAsync(target.Database(parsed), target.Folder(parsed), cancel));
            if (console.IsJson)
            {
                console.Json(new JsonObject { ["database"] = status.Database, ["applied"] = Texts(status.Applied), ["pending"] = Texts(status.Pending), ["tables"] = Tables(status.Tables) });
                return;
            }
            console.Fields(("Records", status.Database), ("Applied", string.Join(", ", status.Applied)), ("Pending", string.Join(", ", status.Pending)));
            console.Line("");
            Print(console, status.Tables);
        });
        return command;
    }

    private static Command Migrate(Target target)
    {
        var command = new Command("migrate", "Apply the migrations that the records lack, as a start of the server does.");
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var applied = await console.WaitAsync("migrating", () => DataTools.MigrateAsync(target.Database(parsed), target.Folder(parsed), cancel));
            if (console.IsJson)
            {
                console.Json(new JsonObject { ["applied"] = Texts(applied) });
                return;
            }
            console.Line(applied.Count == 0 ? "nothing to do" : string.Join(Environment.NewLine, applied));
        });
        return command;
    }

    private static Command Backup(Target target)
    {
        var folder = new Argument<string>("FOLDER") { Description = "New folder for the backup." };
        var command = new Command("backup", "Copy the databases of a data folder, and records on PostgreSQL, also while the server runs; each copy is checked.") { folder };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var manifest = await console.WaitAsync("copying", () => DataTools.BackupAsync(target.Database(parsed), target.Folder(parsed), parsed.GetRequiredValue(folder), TimeProvider.System, cancel));
            Print(console, manifest);
        });
        return command;
    }

    private static Command Restore(Target target)
    {
        var folder = new Argument<string>("FOLDER") { Description = "What `baton db backup` made." };
        var command = new Command("restore", "Put a backup in the place of the databases of a data folder whose server is stopped; those are kept as NAME.before-restore. With Database:Postgres records go to that database, which must be empty.") { folder };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            Print(console, await console.WaitAsync("copying", () => DataTools.RestoreAsync(target.Database(parsed), parsed.GetRequiredValue(folder), target.Folder(parsed), cancel)));
        });
        return command;
    }

    private static Command Move(Target target)
    {
        var to = new Option<string>("--to") { Description = "postgres, or sqlite for the way back.", Required = true };
        to.AcceptOnlyFromAmong("postgres", "sqlite");
        var command = new Command("move", "Move all records of a stopped server between its data folder and the database that Database:Postgres names; where they go must be empty.") { to };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            var settings = target.Database(parsed);
            if (settings.Postgres is null)
            {
                throw new BatonException(ErrorCodes.Usage, "no database is named", null, "give --set Database:Postgres=\"Host=...;Database=...\", or BATON_DATABASE__POSTGRES");
            }
            var isBack = parsed.GetRequiredValue(to) == "sqlite";
            var tables = await console.WaitAsync("moving", () => isBack
                ? DataTools.MoveToSqliteAsync(settings, target.Folder(parsed), cancel)
                : DataTools.MoveToPostgresAsync(settings, target.Folder(parsed), cancel));
            if (console.IsJson)
            {
                console.JsonList(Tables(tables).Select(table => table!.DeepClone()));
                return;
            }
            Print(console, tables);
            console.Note(isBack
                ? "moved and compared; from now on start the server without Database:Postgres. The database stays as it was."
                : "moved and compared; from now on start the server with Database:Postgres. records.db stays as it was.");
        });
        return command;
    }

    private static void Print(CliConsole console, IReadOnlyList<RecordTable> tables) =>
        console.Table(["TABLE", "ROWS", "HASH"], tables.Select(table => new[] { table.Name, $"{table.Rows}", table.Hash[..12] }));

    private static void Print(CliConsole console, BackupManifest manifest)
    {
        if (console.IsJson)
        {
            console.JsonList(manifest.Files.Select(file => new JsonObject { ["name"] = file.Name, ["bytes"] = file.Bytes, ["sha256"] = file.Sha256 }));
            return;
        }
        console.Table(["FILE", "SIZE", "SHA-256"], manifest.Files.Select(file => new[] { file.Name, StorageVerb.Size(file.Bytes), file.Sha256[..12] }));
    }

    private static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];

    private static JsonArray Tables(IEnumerable<RecordTable> tables) =>
        [.. tables.Select(table => new JsonObject { ["name"] = table.Name, ["rows"] = table.Rows, ["hash"] = table.Hash })];

    /// <summary>Which data folder, and which settings.</summary>
    private sealed class Target
    {
        private readonly Option<string> data = new("--data") { Description = "Data folder (.baton inside a project).", DefaultValueFactory = _ => ".baton", HelpName = "PATH", Recursive = true };
        private readonly Option<string[]> files = new("--settings") { Description = "Settings, YAML or JSON; later files win.", HelpName = "FILE", Recursive = true };
        private readonly Option<KeyValuePair<string, string>[]> set = SettingOptions.Set();

        public Command AddTo(Command noun)
        {
            set.Recursive = true;
            noun.Options.Add(data);
            noun.Options.Add(files);
            noun.Options.Add(set);
            return noun;
        }

        public string Folder(ParseResult parsed) => parsed.GetRequiredValue(data);

        public DatabaseSettings Database(ParseResult parsed) => (parsed.GetValue(files) ?? []).Aggregate(new SettingsReader(), (reader, file) => reader.AddFile(file))
            .AddVariables(SettingOptions.Variables()).Add(parsed.GetValue(set) ?? [], "command line").Read().Checked().Database;
    }
}
