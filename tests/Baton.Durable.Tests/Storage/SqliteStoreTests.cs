using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;

namespace Baton.Durable.Tests.Storage;

public sealed class SqliteStoreTests : StoreCompliance
{
    private readonly TempDirectory directory = new();

    private protected override IDurableStore Open() => SqliteStore.Open(directory.File("baton.db"));

    private protected override void CleanUp() => directory.Dispose();
}
