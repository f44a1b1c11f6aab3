namespace Calico.Shim.Wire;

/// <summary>What a frame between shim and host carries.</summary>
internal enum FrameKind : byte
{
    /// <summary>Shim to host, first: one plugin call.</summary>
    Request = 1,

    /// <summary>Shim to host: what a delegate said.</summary>
    DelegateOutcome = 2,

    /// <summary>Host to shim, last: what to print and the exit code.</summary>
    Reply = 3,

    /// <summary>Host to shim: run this delegate and come back.</summary>
    RunDelegate = 4,
}
