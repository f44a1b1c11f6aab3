using Calico.EmbeddedStore;

namespace Calico.UnitTests.Store;

/// <summary>A folder for one test's store.</summary>
internal sealed class TempFolder : IAsyncDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("calico-store-").FullName;

    public string File => System.IO.Path.Combine(Path, "calico.db");

    public EmbeddedStoreOptions Options() => new() { Path = File, MachineId = "machine-a", NodeName = "node-a" };

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Path, recursive: true);
        return ValueTask.CompletedTask;
    }
}
