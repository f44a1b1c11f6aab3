using System.Collections.Concurrent;
using Calico.Plugins.Cni.Protocol;
using Calico.Plugins.Cni.Verbs;
using Calico.Shim.Wire;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Cni;

/// <summary>DELs that shims left while nobody answered.</summary>
/// <remarks>Facts: a file appears by rename, whole and synced; its name is that of role, container and interface
/// (<see cref="SpoolName"/>), so a repeated DEL replaces it; runtimes use a container id again (podman stop and start), so a waiting
/// DEL is settled before an ADD of the same name, never after.</remarks>
internal sealed partial class DelSpool(CniSettings settings, DelVerb del, IpamRelease release, TimeProvider time, ILogger<DelSpool> log)
{
    /// <summary>A file whose frame cannot be read is kept for a person, under this ending.</summary>
    private const string BrokenSuffix = ".broken";

    private static readonly TimeSpan TemporaryAge = TimeSpan.FromHours(1);

    /// <summary>By file. Whoever needs one that is being done waits for that one, not for all that the sweep has to do.</summary>
    private readonly ConcurrentDictionary<string, Task<bool>> _settling = new(StringComparer.Ordinal);

    /// <summary>Does what is there, oldest first. What fails, however it does, stays for the next time and keeps no other from its turn.
    /// </summary>
    /// <returns>How many are left.</returns>
    public async Task<int> DrainAsync(CancellationToken ct)
    {
        var folder = new DirectoryInfo(settings.SpoolDir);
        if (!folder.Exists)
        {
            return 0;
        }

        var left = 0;
        foreach (var file in folder.GetFiles().OrderBy(f => f.LastWriteTimeUtc))
        {
            if (file.Name.EndsWith(".del", StringComparison.Ordinal))
            {
                left += await SettleAsync(file, ct) ? 0 : 1;
            }
            else if (file.Name.EndsWith(SpoolName.TemporarySuffix, StringComparison.Ordinal)
                && time.GetUtcNow() - file.LastWriteTimeUtc > TemporaryAge)
            {
                Forget(file);
            }
        }

        return left;
    }

    /// <summary>Does the waiting DEL of the container that is about to be added, if there is one: one stat(2) when there is none.</summary>
    /// <exception cref="CniException">Code 11: it cannot be done now, so neither can the ADD.</exception>
    public async Task SettleAsync(CniCall call, CancellationToken ct)
    {
        var file = new FileInfo(Path.Combine(settings.SpoolDir, SpoolName.Of(call.Role, call.ContainerId, call.InterfaceName)));
        if (file.Exists && !await SettleAsync(file, ct))
        {
            throw new CniException(CniCode.TryAgainLater, "an earlier DEL of this container is not done yet; try again later", file.Name);
        }
    }

    private async Task<bool> SettleAsync(FileInfo file, CancellationToken ct)
    {
        var mine = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_settling.GetOrAdd(file.Name, mine.Task) is var running && running != mine.Task)
        {
            return await running.WaitAsync(ct);
        }

        var isDone = false;
        try
        {
            return isDone = await SettleOneAsync(file, ct);
        }
        finally
        {
            _settling.TryRemove(file.Name, out _);
            mine.SetResult(isDone);
        }
    }

    /// <returns>Whether nothing of it is left to do. Throws only when <paramref name="ct"/> fires: a time that ended somewhere below is one
    /// more reason to try again.</returns>
    private async Task<bool> SettleOneAsync(FileInfo file, CancellationToken ct)
    {
        try
        {
            file.Refresh();
            if (!file.Exists)
            {
                return true;
            }

            var request = await ReadAsync(file, ct);
            await DeleteAsync(request, ct);
            file.Delete();
            Log.Settled(log, file.Name);
            return true;
        }
        catch (Exception e) when (e is WireFormatException or CniException { Code: not CniCode.TryAgainLater })
        {
            // Nothing will make it readable: keep it where it is seen and stop trying.
            return SetAside(file, e.Message);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            Log.Kept(log, file.Name, e.Message);
            return false;
        }
    }

    private bool SetAside(FileInfo file, string reason)
    {
        try
        {
            var name = file.FullName;
            file.MoveTo(name + BrokenSuffix, overwrite: true);
            Log.Broken(log, name, reason);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Kept(log, file.Name, $"{reason}; it cannot be set aside: {e.Message}");
            return false;
        }
    }

    private void Forget(FileInfo file)
    {
        try
        {
            file.Delete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Kept(log, file.Name, e.Message);
        }
    }

    private static async Task<ShimRequest> ReadAsync(FileInfo file, CancellationToken ct)
    {
        if (file.Length is < Frame.HeaderLength or > Frame.HeaderLength + Frame.MaxPayload)
        {
            throw new WireFormatException($"a file of {file.Length} bytes is not a request");
        }

        var bytes = await File.ReadAllBytesAsync(file.FullName, ct);
        var (kind, length) = Frame.ReadHeader(bytes);
        return kind == FrameKind.Request && length == bytes.Length - Frame.HeaderLength
            ? ShimRequest.Read(bytes.AsMemory(Frame.HeaderLength))
            : throw new WireFormatException("not a whole request");
    }

    private async Task DeleteAsync(ShimRequest shim, CancellationToken ct)
    {
        var call = CniCall.From(shim);
        if (call.Verb != "DEL")
        {
            throw new WireFormatException($"a {call.Verb}, not a DEL");
        }

        var request = new CniRequest(call, NetworkConfiguration.ParseForDelete(shim.Input), shim.Input, null, DelegateAlreadyRan.Instance);
        if (call.Role == ShimRole.Ipam)
        {
            await release.OfContainerAsync(call, request.Configuration.Name, ct);
        }
        else
        {
            await del.RunAsync(request, ct);
        }
    }

    /// <summary>The shim ran the delegate's DEL itself when it spooled: it had CNI_PATH, we have not.</summary>
    private sealed class DelegateAlreadyRan : IDelegateRunner
    {
        public static readonly DelegateAlreadyRan Instance = new();

        public Task<DelegateOutcome> RunAsync(DelegateRequest request, CancellationToken ct) =>
            Task.FromResult(new DelegateOutcome(0, ReadOnlyMemory<byte>.Empty));
    }

    private static partial class Log
    {
        [LoggerMessage(7030, LogLevel.Information, "Spooled DEL {File} done")]
        public static partial void Settled(ILogger log, string file);

        [LoggerMessage(7031, LogLevel.Warning, "Spooled DEL {File} is kept for later: {Reason}")]
        public static partial void Kept(ILogger log, string file, string reason);

        [LoggerMessage(7032, LogLevel.Error, "Spooled DEL {File} cannot be read and is set aside: {Reason}")]
        public static partial void Broken(ILogger log, string file, string reason);
    }
}
