using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using Calico.Shim.Wire;

namespace Calico.Shim;

/// <summary>Runs another CNI plugin from CNI_PATH.</summary>
/// <remarks>Its standard input and output are memory files: nothing can block on a full pipe, whatever order it reads and writes in. Its
/// standard error is ours. It is waited for before anything else happens, so no child is left behind.</remarks>
internal static unsafe class DelegateProcess
{
    private const short POSIX_SPAWN_SETSIGDEF = 0x04;
    private const int SIGPIPE = 13;
    private const int SIGKILL = 9;

    /// <param name="request">What to run.</param>
    /// <param name="deadline">When it is killed: whoever waits for us would otherwise wait for it.</param>
    public static DelegateOutcome Run(DelegateRequest request, Deadline deadline)
    {
        var path = Find(request.Type);
        if (path is null)
        {
            return NotRun($"failed to find plugin \"{request.Type}\" in path [{Environment.GetEnvironmentVariable("CNI_PATH")}]");
        }

        var input = Libc.CreateMemoryFile("stdin", Libc.MFD_CLOEXEC);
        var output = Libc.CreateMemoryFile("stdout", Libc.MFD_CLOEXEC);
        try
        {
            if (input < 0 || output < 0 || Libc.WriteAll(input, request.Input.Span) != 0 || Libc.Seek(input, 0, Libc.SEEK_SET) != 0)
            {
                return NotRun($"no memory file for plugin \"{request.Type}\" (errno {Libc.LastError})");
            }

            var error = Spawn(path, request, input, output, out var process);
            if (error != 0)
            {
                return NotRun($"{path} does not start (errno {error})");
            }

            if (!Wait(process, deadline, out var status))
            {
                return NotRun($"plugin \"{request.Type}\" did not end within {deadline.Limit.TotalSeconds:0} s and was killed");
            }

            Libc.Seek(output, 0, Libc.SEEK_SET);
            var bytes = Libc.ReadAll(output, Frame.MaxPayload / 2, out var length);
            if (length > Frame.MaxPayload / 2)
            {
                return NotRun($"plugin \"{request.Type}\" wrote more than {Frame.MaxPayload / 2} bytes");
            }
            // wait(2): the low seven bits are the signal that ended it, or 0.
            var signal = status & 0x7f;
            return new DelegateOutcome(signal == 0 ? (status >> 8) & 0xff : 128 + signal, bytes.AsMemory(0, length));
        }
        finally
        {
            Libc.Close(input);
            Libc.Close(output);
        }
    }

    /// <returns>Whether it ended by itself.</returns>
    private static bool Wait(int process, Deadline deadline, out int status)
    {
        var raw = 0;
        // Most delegates end within some milliseconds, so the pauses begin short.
        for (var pause = 1; Libc.WaitProcess(process, &raw, Libc.WNOHANG) is var found && found != process; pause = Math.Min(pause + 1, 20))
        {
            if (found < 0 && Libc.LastError != Libc.EINTR)
            {
                break;
            }

            if (deadline.IsOver)
            {
                _ = Libc.Kill(process, SIGKILL);
                while (Libc.WaitProcess(process, &raw, 0) < 0 && Libc.LastError == Libc.EINTR)
                {
                }

                status = raw;
                return false;
            }

            Libc.Poll(null, 0, pause);
        }

        status = raw;
        return true;
    }

    /// <summary>First executable of that name on CNI_PATH, as runtimes search.</summary>
    private static string? Find(string type)
    {
        // A name with a slash would leave CNI_PATH.
        if (type.Length == 0 || type.Contains('/'))
        {
            return null;
        }

        foreach (var folder in (Environment.GetEnvironmentVariable("CNI_PATH") ?? "").Split(':'))
        {
            var path = folder + "/" + type;
            if (folder.Length > 0 && Libc.Access(path, Libc.X_OK) == 0)
            {
                return path;
            }
        }

        return null;
    }

    private static int Spawn(string path, DelegateRequest request, int input, int output, out int process)
    {
        // Sizes of glibc's posix_spawn_file_actions_t (80), posix_spawnattr_t (336) and sigset_t (128), rounded up.
        var actions = stackalloc byte[256];
        var attributes = stackalloc byte[512];
        var signals = stackalloc byte[128];
        new Span<byte>(signals, 128).Clear();
        // The runtime ignores SIGPIPE and an ignored signal survives exec; a Go plugin expects the default.
        signals[(SIGPIPE - 1) / 8] = 1 << ((SIGPIPE - 1) % 8);
        process = 0;
        var error = Libc.InitFileActions(actions) | Libc.InitAttributes(attributes);
        if (error != 0)
        {
            return error;
        }

        var arguments = Native([path]);
        var environment = Native(MergedEnvironment(request.Environment));
        try
        {
            error = Libc.AddDuplicate(actions, input, 0) | Libc.AddDuplicate(actions, output, 1)
                | Libc.SetDefaultSignals(attributes, signals) | Libc.SetFlags(attributes, POSIX_SPAWN_SETSIGDEF);
            var started = 0;
            if (error == 0)
            {
                error = Libc.Spawn(&started, path, actions, attributes, arguments, environment);
            }

            process = started;
            return error;
        }
        finally
        {
            Free(arguments);
            Free(environment);
            Libc.DestroyFileActions(actions);
            Libc.DestroyAttributes(attributes);
        }
    }

    private static List<string> MergedEnvironment(IReadOnlyList<KeyValuePair<string, string>> changes)
    {
        var merged = new List<string>();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            var name = (string)variable.Key;
            if (!changes.Any(change => change.Key == name))
            {
                merged.Add($"{name}={variable.Value}");
            }
        }

        foreach (var (name, value) in changes)
        {
            merged.Add($"{name}={value}");
        }

        return merged;
    }

    private static byte** Native(List<string> texts)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
        for (var i = 0; i < texts.Count; i++)
        {
            array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        }

        return array;
    }

    private static void Free(byte** array)
    {
        for (var i = 0; array[i] != null; i++)
        {
            Marshal.FreeCoTaskMem((nint)array[i]);
        }

        NativeMemory.Free(array);
    }

    private static DelegateOutcome NotRun(string why) => new(DelegateOutcome.NotRun, Encoding.UTF8.GetBytes(why));
}
