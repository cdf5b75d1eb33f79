using System.Data.Common;
using System.Globalization;
using Baton.Jq;

namespace Baton.Flows.Functions;

/// <summary>SQL with parameters. Values never become part of the statement, whose text cannot be computed from data here.</summary>
internal sealed class SqlFunction(Func<string, DbConnection?> databases) : IFlowFunction
{
    private const int DefaultRows = 1_000;

    public FlowFunctionDescriptor Descriptor { get; } = new("sql", "1.0.0", "Runs one SQL statement with parameters on a database that the settings name.",
        JqValue.Parse("""
            {"type":"object","required":["database","statement"],"additionalProperties":false,"properties":{
              "database":{"type":"string","description":"Name of the database in the settings."},
              "statement":{"type":"string","description":"One statement, with parameters as @name."},
              "parameters":{"type":"object","additionalProperties":{"type":["string","number","boolean","null"]}},
              "rows":{"type":"integer","minimum":1,"maximum":10000,"default":1000,"description":"Rows to read at most; more are an error."}}}
            """),
        JqValue.Parse("""
            {"type":"object","required":["rows","affected"],"properties":{
              "rows":{"type":"array","items":{"type":"object"}},
              "affected":{"type":"integer","description":"Rows changed; -1 for a query."}}}
            """));

    public async Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken)
    {
        var name = call.Arguments["database"].GetString();
        await using var connection = databases(name) ?? throw new FlowFaultException(FlowErrors.Configuration($"The settings have no database '{name}'."));
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = call.Arguments["statement"].GetString();
            foreach (var (key, value) in call.Arguments["parameters"].Kind == JqKind.Object ? call.Arguments["parameters"].EnumerateObject() : [])
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = "@" + key;
                parameter.Value = Parameter(value);
                command.Parameters.Add(parameter);
            }
            var max = call.Arguments["rows"].Kind == JqKind.Number ? (int)call.Arguments["rows"].GetDouble() : DefaultRows;
            return await ReadAsync(command, max, cancellationToken);
        }
        catch (DbException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"The database '{name}' answered: {error.Message}"));
        }
    }

    private static async Task<JqValue> ReadAsync(DbCommand command, int max, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<JqValue>();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (rows.Count == max)
            {
                throw new FlowFaultException(FlowErrors.Runtime($"The statement gives more than {max} rows; add a LIMIT or raise 'rows'."));
            }
            rows.Add(JqValue.FromObject(Enumerable.Range(0, reader.FieldCount).Select(i => KeyValuePair.Create(reader.GetName(i), Column(reader.GetValue(i))))));
        }
        return JqValue.FromObject([new("rows", JqValue.FromArray(rows)), new("affected", reader.RecordsAffected)]);
    }

    private static object Parameter(JqValue value) => value.Kind switch
    {
        JqKind.Null => DBNull.Value,
        JqKind.Boolean => value.IsTruthy,
        JqKind.String => value.GetString(),
        _ when value.GetDouble() is var number && Math.Floor(number) == number && Math.Abs(number) < 9e15 => (long)number,
        _ => value.GetDouble(),
    };

    private static JqValue Column(object value) => value switch
    {
        DBNull => JqValue.Null,
        bool boolean => boolean,
        string text => text,
        byte[] bytes => Convert.ToBase64String(bytes),
        long or int or short or byte => JqValue.From(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        double or float or decimal => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        DateTime time => time.ToString("O", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };
}
