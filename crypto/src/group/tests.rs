mod coming_back;
mod convergence;
mod hostile;
mod membership;
mod saving;
mod vectors;
mod world;
