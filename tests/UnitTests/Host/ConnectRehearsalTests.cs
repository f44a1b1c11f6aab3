using Calico.Host.Rehearsal;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The workload that is connected before the first one comes.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConnectRehearsalTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-rehearsal-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Test]
    public async Task S12_it_goes_through_and_leaves_nothing_also_after_one_that_was_killed()
    {
        var left = Directory.CreateDirectory(Path.Combine(_folder.FullName, "rehearsal"));
        await File.WriteAllTextAsync(Path.Combine(left.FullName, "store.db"), "half a file");
        await ConnectRehearsal.RunAsync(_folder.FullName, null, TimeProvider.System, CancellationToken.None);

        Assert.That(_folder.EnumerateFileSystemInfos(), Is.Empty);
    }

    [Test]
    public async Task S12_a_stop_ends_it_and_leaves_nothing()
    {
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAsync(Is.InstanceOf<OperationCanceledException>(),
            () => ConnectRehearsal.RunAsync(_folder.FullName, null, TimeProvider.System, stopped.Token));

        Assert.That(_folder.EnumerateFileSystemInfos(), Is.Empty);
    }
}
